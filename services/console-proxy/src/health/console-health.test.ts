// The health check against a real proxy on loopback: what browsers meet, it meets.
import { randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import type { ConsoleAnswer, ConsoleProxyDocument, ConsoleReason } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import { parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { ConsoleProxy } from '../console-proxy.ts';
import { documentOf } from '../document/document-fixture.ts';
import { limits } from '../proxy-fixture.ts';
import type { OpenDoor, TicketRequest } from '../session/ports.ts';
import { ConsoleHealth } from './console-health.ts';

const host = createHost({ log: silentLog });
const refused: ConsoleAnswer = { state: 'refused', reason: 'ticket', message: 'No such ticket.' };

function loopbackDocument(changes: Partial<ConsoleProxyDocument> = {}): ConsoleProxyDocument {
  const address = `127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(1, 255)}`;
  return documentOf({ publicAddress: parseIpv4Address(address), limits, ...changes });
}

/** A proxy with its health check. `openDoor`: the way of the check to its screen, to be tampered with. */
async function bench(
  t: ExecutionContext,
  document: ConsoleProxyDocument | null,
  openDoor?: (own: OpenDoor) => OpenDoor,
) {
  const seen: { ended: ConsoleReason[]; tickets: TicketRequest[]; changes: number } = {
    ended: [],
    tickets: [],
    changes: 0,
  };
  const health = new ConsoleHealth({
    clock: host.clock,
    log: silentLog,
    document: () => document,
    changed: () => {
      seen.changes += 1;
    },
  });
  const own: OpenDoor = async (target) => {
    const stream = health.open(target);
    if (stream === null) throw new Error('there is no door');
    return stream;
  };
  const proxy = new ConsoleProxy({
    host,
    directory: {
      redeem: async (request) => {
        seen.tickets.push(request);
        return health.redeem(request) ?? refused;
      },
      choose: async () => refused,
    },
    openDoor: openDoor?.(own) ?? own,
    ended: (_session, reason) => seen.ended.push(reason),
    isOwn: (address, port) => health.isOwn(address, port),
  });
  t.teardown(async () => {
    health.release();
    await proxy.close();
  });
  if (document !== null) await proxy.use(document);
  return { health, proxy, seen };
}

/** A certificate by openssl(1), and its key. */
async function newCertificate(t: ExecutionContext): Promise<NonNullable<ConsoleProxyDocument['tls']>> {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-console-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${folder}/key`];
  const words = [
    'req',
    '-x509',
    '-subj',
    '/CN=console.example.org',
    '-days',
    '1',
    ...key,
    '-out',
    `${folder}/certificate`,
  ];
  await host.commands.run('openssl', words);
  const [privateKey, certificateChain] = [
    await readFile(`${folder}/key`, 'utf8'),
    await readFile(`${folder}/certificate`, 'utf8'),
  ];
  return { privateKey, certificateChain };
}

test('the check opens its screen through the public listener, and is no session of anybody', async (t) => {
  const { health, proxy, seen } = await bench(t, loopbackDocument());
  t.false(health.last.healthy);
  const [first, same] = await Promise.all([health.check(), health.check()]);
  t.is(first, same);
  t.true(first.healthy, first.detail);
  t.regex(first.detail, /^a test screen was opened and read in \d+ ms$/);
  t.is(seen.tickets.length, 1);
  t.deepEqual(seen.ended, []);
  t.like(proxy.report(), { sessions: [], pending: 0 });
  t.true((await health.check()).healthy);
  t.is(seen.changes, 1);
});

test('with TLS the certificate has to be the one of the document', async (t) => {
  const tls = await newCertificate(t);
  const document = loopbackDocument({ tls });
  const { health, proxy } = await bench(t, document);
  t.true((await health.check()).healthy, health.last.detail);
  await proxy.use({ ...document, tls: await newCertificate(t) });
  t.regex((await health.check()).detail, /another certificate/);
});

test('neither a full proxy nor one that drains is taken for a broken one', async (t) => {
  const document = loopbackDocument({ limits: { ...limits, pending: 1, pendingPerAddress: 1 }, draining: true });
  const { health, proxy } = await bench(t, document);
  const idle = connect(document.port, document.publicAddress);
  t.teardown(() => idle.destroy());
  while (proxy.report().pending === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.true((await health.check()).healthy, health.last.detail);
});

test('its ticket is good once, from its own address, and for its own screen', async (t) => {
  const document = loopbackDocument();
  const { health, seen } = await bench(t, document);
  await health.check();
  const [used] = seen.tickets;
  t.truthy(used);
  if (used === undefined) return;
  t.is(health.redeem(used), null, 'afterwards');
  let [late, elsewhere, twice]: unknown[] = [];
  const during = await bench(t, loopbackDocument(), (own) => async (target, signal) => {
    const request = during.seen.tickets[0];
    if (request !== undefined) {
      [twice, elsewhere] = [
        during.health.redeem(request),
        during.health.redeem({ ...request, clientAddress: '192.0.2.1' }),
      ];
    }
    late = during.health.open({ ...target, secret: 's'.repeat(43) });
    return own(target, signal);
  });
  t.true((await during.health.check()).healthy);
  t.deepEqual([late, elsewhere, twice], [null, null, null]);
});

test('what is broken is told in words, without a secret', async (t) => {
  const nobody = await bench(t, null);
  t.regex((await nobody.health.check()).detail, /no document is in force/);
  const document = loopbackDocument();
  const closed = await bench(t, document);
  await closed.proxy.close();
  // A process that was being started has the closed socket too, until it runs its program.
  while ((await closed.health.check()).detail.includes('ECONNRESET'));
  t.regex((await closed.health.check()).detail, /ECONNREFUSED/);
  const noDoor = await bench(t, loopbackDocument(), () => async () => {
    throw new Error('the door is stuck');
  });
  t.regex((await noDoor.health.check()).detail, /ended the session: target/);
  const garbled = await bench(t, loopbackDocument(), (own) => async (target, signal) => {
    const stream = await own(target, signal);
    const push = stream.push.bind(stream);
    // The last pixel of the screen is another one.
    stream.push = (chunk: Buffer | null, encoding) => {
      if (chunk !== null && chunk.length > 1000) chunk[chunk.length - 2] = 255 - (chunk[chunk.length - 2] ?? 0);
      return push(chunk, encoding);
    };
    return stream;
  });
  const { healthy, detail } = await garbled.health.check();
  t.deepEqual([healthy, /another picture/.test(detail)], [false, true]);
  t.is(garbled.seen.changes, 0);
});
