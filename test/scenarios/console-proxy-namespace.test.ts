// A console proxy as a process in a namespace: kept by the host agent, whatever of both is killed, and gone without a trace.
import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlBridgeName } from '@isthmus/host-agent';
import test from 'ava';
import { findLeaks, pings, waitFor } from '../lab/index.ts';
import { ProxyHost, port } from './console-proxy-namespace-fixture.ts';

const id = '0c1b2c3d-1111-4222-8333-444455556666';
const other = '1c1b2c3d-1111-4222-8333-444455556666';

async function links({ lab }: ProxyHost): Promise<string> {
  return (await lab.host.commands.run('ip', ['-brief', 'link', 'show'])).stdout;
}

async function procOf(pid: number | undefined, name: string): Promise<string> {
  return readFile(`/proc/${pid}/${name}`, 'utf8');
}

test('a proxy is one process that outlives the host agent and comes back when it is killed', async (t) => {
  const host = await ProxyHost.create(t);
  const { lab } = host;
  await host.start();
  const bridge = controlBridgeName(lab.installation);
  t.false((await links(host)).includes(`${bridge} `), 'no control network before the first proxy');
  const before = await links(host);
  await host.put(id, 10);
  const [pid, ...more] = await host.pids(id);
  t.deepEqual(more, []);
  const report = await lab.agent.appliance(id);
  t.like(report, { kind: 'console-proxy', state: 'Running', agent: null, hasConfigDrive: true });
  t.regex(report.controlAddress ?? '', /^169\.254\./);

  // Whole, though its public NIC is down until its first document: a look comes every 5 s, and finds nothing to do.
  await sleep(6000);
  t.false((await lab.machine.files.readText(host.logPath)).includes('making it again'));

  // What it holds of the machine.
  const status = await procOf(pid, 'status');
  const uid = Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
  t.true(uid >= 0x7000_0000, 'a user of its own');
  t.regex(status, /^CapEff:\t0000000000003400$/m);
  t.regex(status, /^CapBnd:\t0000000000003400$/m);
  t.regex(status, /^NoNewPrivs:\t1$/m);
  t.is((await procOf(pid, 'oom_score_adj')).trim(), '200');
  t.deepEqual(
    (await procOf(pid, 'environ')).split('\0').filter((each) => !/^(?:PATH|LC_ALL)=|^$/.test(each)),
    [],
  );
  t.is((await stat(`${lab.state}/appliances/${id}`)).uid, uid);

  // The host's own processes reach what browsers reach, and nobody else's port.
  await host.ask(id, (agent) => agent.putDocument(host.push(10)));
  const connect = ['-z', '-n', '-w', '2', '198.18.7.10', String(port)];
  const answers = async () => (await lab.host.commands.run('nc', connect, { okCodes: [0, 1] })).exitCode === 0;
  await waitFor('the public port answers', answers);
  await host.eject(id);
  t.false((await lab.agent.appliance(id)).hasConfigDrive);
  const drives = await lab.machine.commands.run('find', [lab.run, '-name', 'config.json*']);
  t.is(drives.stdout, '');

  // Killed: back at once, with what it had on disk.
  const killed = performance.now();
  lab.machine.commands.signal(pid ?? 0, 'SIGKILL');
  const next = await waitFor('another process', async () => (await host.pids(id)).find((each) => each !== pid));
  const backMs = performance.now() - killed;
  t.true(backMs < 5000, `${backMs} ms until it was started again`);
  await host.answers(id);
  await waitFor('the public port answers again', answers, 60_000);
  t.log(
    `started again ${Math.round(backMs)} ms after its SIGKILL, serves after ${Math.round(performance.now() - killed)}`,
  );

  // The host agent is killed and starts again: it adopts.
  await host.end();
  t.true(await answers());
  await host.start();
  await host.answers(id);
  t.deepEqual(await host.pids(id), [next]);
  lab.machine.commands.signal(next, 'SIGKILL');
  await waitFor('one that was adopted is looked after too', async () => {
    const now = await host.pids(id);
    return now.length === 1 && now[0] !== next;
  });

  // Orders.
  t.is((await lab.agent.applianceStep(id, 'stop')).state, 'Stopped');
  t.deepEqual(await host.pids(id), []);
  await lab.agent.applianceStep(id, 'start');
  await waitFor('it serves again', answers, 60_000);
  const [started] = await host.pids(id);
  await lab.agent.applianceStep(id, 'reboot');
  await waitFor('it serves once more', answers, 60_000);
  t.not((await host.pids(id))[0], started);
  const push = await lab.agent.raw('POST', `/v1/appliances/${id}/push`, {});
  t.like(push, { status: 423, body: { code: 'conflict' } });
  t.true(JSON.stringify(push.body).includes(`/v1/appliances/${id}/agent`));
  const asRouter = await lab.agent.raw('PUT', `/v1/appliances/${id}`, { ...host.spec(10), kind: 'router' });
  t.like(asRouter, { status: 423, body: { code: 'conflict' } });

  await lab.agent.deleteAppliance(id);
  t.deepEqual(await host.pids(id), []);
  t.deepEqual(await lab.machine.files.list(`${lab.state}/appliances`), []);
  t.deepEqual(await lab.machine.files.list(`${lab.run}/appliances`), []);
  t.deepEqual(await lab.machine.files.list(`${lab.run}/config-drives`), []);
  await lab.agent.deleteEverything();
  t.is(await links(host), before);
});

test('a proxy reaches no other one over the control network, and cannot take its address', async (t) => {
  const host = await ProxyHost.create(t);
  const { lab } = host;
  await host.start();
  await host.put(id, 10);
  await host.put(other, 11);
  await Promise.all([
    host.ask(id, (agent) => agent.putDocument(host.push(10))),
    host.ask(other, (agent) => agent.putDocument(host.push(11))),
  ]);
  const [one, two] = await Promise.all(
    [id, other].map(async (each) => (await lab.agent.appliance(each)).controlAddress),
  );
  const { commands } = host.inside(other);
  const gateway = (one ?? '').replace(/\.\d+$/, '.1');
  t.false(await pings(host.inside(other), one ?? ''));
  // Its packet filter is its own to change: a proxy that was taken over claims the other one's address and MAC address.
  const { stdout } = await host.inside(id).commands.run('cat', ['/proc/net/arp']);
  t.true(stdout.includes(gateway));
  const [, mac = ''] =
    /link\/ether (\S+)/.exec((await host.inside(id).commands.run('ip', ['link', 'show', 'dev', 'eth1'])).stdout) ?? [];
  await commands.run('ip', ['address', 'add', `${one}/22`, 'dev', 'eth1']);
  await commands.run('arping', ['-U', '-c', '3', '-I', 'eth1', one ?? ''], { okCodes: [0, 1] });
  await host.answers(id);
  await commands.run('ip', ['link', 'set', 'dev', 'eth1', 'address', mac]);
  await commands.run('arping', ['-U', '-c', '3', '-I', 'eth1', one ?? ''], { okCodes: [0, 1] });
  await host.answers(id);
  t.not(one, two);
  // Nor on the public segment: what it says with another one's address is dropped at its port.
  const hostsView = async () => (await lab.host.commands.run('ip', ['neigh', 'show', '198.18.7.10'])).stdout;
  const reach = (address: string) => lab.host.commands.run('nc', ['-z', '-n', '-w', '2', address, String(port)]);
  await reach('198.18.7.10');
  await reach('198.18.7.11');
  await commands.run('ip', ['address', 'add', '198.18.7.10/24', 'dev', 'eth2']);
  await commands.run('arping', ['-A', '-c', '3', '-I', 'eth2', '198.18.7.10'], { okCodes: [0, 1] });
  t.true((await hostsView()).includes('02:00:00:00:07:0a'));
  await commands.run('ip', ['link', 'set', 'dev', 'eth2', 'address', '02:00:00:00:07:0a']);
  await commands.run('arping', ['-A', '-c', '3', '-I', 'eth2', '198.18.7.10'], { okCodes: [0, 1] });
  await t.notThrowsAsync(reach('198.18.7.10'));
  const rules = async () => (await lab.host.commands.run('ebtables-nft-save', [])).stdout;
  t.true((await rules()).includes(`ith-${lab.installation}-r0c1b2c3d`));
  await lab.agent.deleteEverything();
  t.false((await rules()).includes(lab.installation));
});

test('a host agent that is killed at any moment of a start has one process in the end', async (t) => {
  const host = await ProxyHost.create(t);
  const { lab } = host;
  await host.start();
  for (const [index, afterMs] of [40, 150, 260].entries()) {
    const each = `${index}d1b2c3d-1111-4222-8333-444455556666`;
    await lab.agent.raw('PUT', `/v1/appliances/${each}/config-drive`, await host.pki.bootstrap(each, null));
    const call = lab.agent.putAppliance(each, host.spec(20 + index)).catch(() => null);
    await sleep(afterMs);
    await host.end();
    await call;
    await host.start();
    await lab.agent.putAppliance(each, host.spec(20 + index));
    await host.answers(each);
    t.is((await host.pids(each)).length, 1, `killed after ${afterMs} ms`);
  }
  await lab.agent.deleteEverything();
  t.deepEqual(
    (await findLeaks(lab.machine, lab.installation)).filter((leak) => leak.includes('--config-drive')),
    [],
  );
});

test('a program that cannot run is told with its last words, after growing pauses', async (t) => {
  const host = await ProxyHost.create(t);
  const { lab } = host;
  const program = `${lab.state}/broken.mjs`;
  await lab.machine.files.writeText(program, 'console.error("no such thing as a proxy"); process.exit(3);');
  await host.start(program);
  await lab.agent.raw('PUT', `/v1/appliances/${id}`, host.spec(10));
  const report = await waitFor(
    'the fault',
    async () => {
      const now = await lab.agent.appliance(id);
      return now.state === 'Error' && now.serialConsole !== undefined ? now : null;
    },
    60_000,
  );
  t.regex(report.serialConsole ?? '', /no such thing as a proxy/);
  t.regex(report.reason ?? '', /it keeps ending|ended at its start/);
  const before = (await lab.machine.files.readText(`${lab.run}/appliances/0c1b2c3d/log`)).split('\n').length;
  t.true(before < 8, `${before} starts`);
});
