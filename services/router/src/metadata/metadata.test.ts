import type { Files } from '@isthmus/host';
import test from 'ava';
import { Bench, gateway, guest, guestA, guestB, linkLocal, password, withMetadataLab } from './metadata-fixture.ts';

const ask = ['-H', 'DomU_Request: send_my_password'];
const confirm = ['-H', 'DomU_Request: saved_password'];
const passwords = `http://${gateway}:8080`;
const status = ['-o', '/dev/null', '-w', '%{http_code}'];

test('a guest reads its own data on every address, and a stranger nothing', async (t) => {
  await withMetadataLab(async (lab) => {
    const bench = new Bench(lab.context);
    await bench.put('metadata.guests', { a: guest(guestA), b: guest(guestB) });
    for (const address of [gateway, linkLocal]) {
      for (const who of [guestA, guestB]) {
        t.is(await lab.curl(who, `http://${address}/latest/user-data`), `data of ${who}`);
        t.is(await lab.curl(who, `http://${address}/latest/meta-data/instance-id`), `vm-${who}`);
      }
    }
    await lab.seeBeyond('ip', 'address', 'add', '10.1.1.7/24', 'dev', 'guest');
    for (const path of ['/', '/latest/user-data', '/latest/meta-data/']) {
      t.is(await lab.curl('10.1.1.7', `http://${gateway}${path}`, ...status), '404', path);
    }
    t.true((await bench.service.health()).healthy);
    await bench.service.shutdown();
    t.is(await lab.curl(guestA, `http://${gateway}/latest/user-data`, ...status), '000');
  });
});

test('nothing that a request says makes it that of another guest', async (t) => {
  await withMetadataLab(async (lab) => {
    const bench = new Bench(lab.context);
    await bench.put('metadata.guests', { a: guest(guestA), b: guest(guestB) });
    const lies = [
      ['-H', `X-Forwarded-For: ${guestB}`],
      ['-H', `Forwarded: for=${guestB}`],
      ['-H', `X-Real-IP: ${guestB}`],
      ['-H', `Host: ${guestB}`],
      ['-H', 'Host: x', '--http1.0'],
    ];
    for (const lie of lies) {
      t.is(await lab.curl(guestA, `http://${gateway}/latest/user-data`, ...lie), `data of ${guestA}`, lie.join(' '));
    }
    for (const path of [
      `/userdata/${guestB}/user-data`,
      `/latest/../metadata/${guestB}/vm-id`,
      `/${guestB}/latest/vm-id`,
    ]) {
      t.is(await lab.curl(guestA, `http://${gateway}${path}`, '--path-as-is', ...status), '404', path);
    }
    await bench.service.shutdown();
  });
});

test('only GET and HEAD, headers of a bounded size, connections kept', async (t) => {
  await withMetadataLab(async (lab) => {
    const bench = new Bench(lab.context);
    await bench.put('metadata.guests', { a: guest(guestA) });
    const url = `http://${gateway}/latest/user-data`;
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      t.is(await lab.curl(guestA, url, '-X', method, ...status), '405', method);
    }
    t.regex(await lab.curl(guestA, url, '-I'), new RegExp(`Content-Length: ${`data of ${guestA}`.length}\\r`));
    t.is(await lab.curl(guestA, url, '-H', `X: ${'x'.repeat(9000)}`, ...status), '431');
    const reused = ['-w', '%{num_connects}', '-o', '/dev/null', '-o', '/dev/null', url];
    t.is(await lab.curl(guestA, url, ...reused), '10');
    const parallel = Array.from({ length: 40 }, () => lab.curl(guestA, url));
    t.true((await Promise.all(parallel)).some((answer) => answer === `data of ${guestA}`));
    await bench.service.shutdown();
  });
});

test('a password is given once, and no HEAD or other word takes it', async (t) => {
  await withMetadataLab(async (lab) => {
    const bench = new Bench(lab.context);
    await bench.put('metadata.passwords', { a: password(guestA, 'v1'), b: password(guestB, 'v2') });
    t.is(await lab.curl(guestA, passwords, ...ask, '-I', '-o', '/dev/null', '-w', '%{http_code}'), '405');
    t.is(await lab.curl(guestA, passwords), 'bad_request');
    t.is(await lab.curl(guestA, passwords, '-H', 'DomU_Request: anything', '-w', '%{http_code}'), 'bad_request400');
    t.deepEqual(await bench.service.operations?.['fetched-passwords']?.({}), { versions: [] });
    t.is(await lab.curl(guestA, passwords, ...ask), 'secret-v1');
    t.is(await lab.curl(guestA, passwords, ...ask), 'saved_password');
    t.is(await lab.curl(guestA, passwords, ...confirm), 'saved_password');
    t.deepEqual(await bench.service.operations?.['fetched-passwords']?.({}), { versions: ['v1'] });
    await bench.put('metadata.passwords', { a: password(guestA, 'v3') });
    t.is(await lab.curl(guestA, passwords, ...ask), 'secret-v3');
    const both = await Promise.all(Array.from({ length: 8 }, () => lab.curl(guestB, passwords, ...ask)));
    t.deepEqual(
      both.filter((answer) => answer === 'secret-v2'),
      ['secret-v2'],
    );
    await bench.put('metadata.passwords', { a: null, b: null });
    t.is(await lab.curl(guestA, passwords, ...ask), 'saved_password');
    t.deepEqual(await bench.service.operations?.['fetched-passwords']?.({}), { versions: [] });
    await bench.service.shutdown();
  });
});

test('neither a restart nor a replacement gives a password twice, nor loses one that was not fetched', async (t) => {
  await withMetadataLab(async (lab) => {
    const first = new Bench(lab.context);
    await first.boot();
    await first.put('metadata.passwords', { a: password(guestA, 'v1'), b: password(guestB, 'v2') });
    t.is(await lab.curl(guestA, passwords, ...ask), 'secret-v1');
    await first.service.release();
    const again = new Bench(lab.context, first.document);
    await again.boot();
    t.is(await lab.curl(guestA, passwords, ...ask), 'saved_password');
    const exported = (await again.service.portable?.exportState()) ?? '';
    t.notRegex(exported, /secret/);
    await again.service.shutdown();
    const paths = { state: `${lab.context.paths.state}-2`, run: `${lab.context.paths.run}-2` };
    const replacement = new Bench({ ...lab.context, paths }, first.document);
    await replacement.service.portable?.importState(exported);
    await replacement.boot();
    t.is(await lab.curl(guestA, passwords, ...ask), 'saved_password');
    t.is(await lab.curl(guestB, passwords, ...ask), 'secret-v2');
    await replacement.service.shutdown();
  });
});

test('a disk that refuses gives no password, and loses none', async (t) => {
  await withMetadataLab(async (lab) => {
    const { files } = lab.context.host;
    let isFull = true;
    const failing: Files = {
      ...files,
      appendText: async (path, text) => {
        if (isFull) throw new Error('ENOSPC');
        await files.appendText(path, text);
      },
    };
    const bench = new Bench({ ...lab.context, host: { ...lab.context.host, files: failing } });
    await bench.put('metadata.passwords', { a: password(guestA, 'v1') });
    t.is(await lab.curl(guestA, passwords, ...ask, ...status), '503');
    isFull = false;
    t.is(await lab.curl(guestA, passwords, ...ask), 'secret-v1');
    await bench.service.shutdown();
  });
});

test('a guest that hangs up before the answer still gets its password', async (t) => {
  await withMetadataLab(async (lab) => {
    const { files } = lab.context.host;
    const gate = Promise.withResolvers<void>();
    const slow: Files = {
      ...files,
      appendText: async (path, text) => {
        await gate.promise;
        await files.appendText(path, text);
      },
    };
    const bench = new Bench({ ...lab.context, host: { ...lab.context.host, files: slow } });
    await bench.put('metadata.passwords', { a: password(guestA, 'v1') });
    t.is(await lab.curl(guestA, passwords, ...ask, '-m', '0.5'), '');
    gate.resolve();
    let answer = 'saved_password';
    for (let tries = 0; tries < 500 && answer === 'saved_password'; tries += 1) {
      await lab.host.clock.sleep(10);
      answer = await lab.curl(guestA, passwords, ...ask);
    }
    t.is(answer, 'secret-v1');
    t.is(await lab.curl(guestA, passwords, ...ask), 'saved_password');
    await bench.service.shutdown();
  });
});

test('one address is one guest: a second entry for it is a fault, an exchange of addresses none', async (t) => {
  await withMetadataLab(async (lab) => {
    const bench = new Bench(lab.context);
    await bench.put('metadata.guests', { a: guest(guestA), b: guest(guestB) });
    const faults = bench.service.check(bench.change('metadata.guests', { c: guest(guestA) }));
    t.deepEqual(
      faults.map(({ path }) => path),
      ['metadata.guests.c.address'],
    );
    bench.change('metadata.guests', { c: null });
    const exchange = bench.change('metadata.guests', { a: guest(guestB), b: guest(guestA) });
    t.deepEqual(bench.service.check(exchange), []);
    const plan = bench.service.plan(exchange);
    await plan?.stage();
    await plan?.apply();
    t.is(await lab.curl(guestA, `http://${gateway}/latest/user-data`), `data of ${guestA}`);
    await plan?.revert();
    await bench.put('metadata.guests', { a: null });
    t.is(await lab.curl(guestA, `http://${gateway}/latest/user-data`, ...status), '404');
    t.is(await lab.curl(guestB, `http://${gateway}/latest/user-data`), `data of ${guestB}`);
    await bench.service.shutdown();
  });
});
