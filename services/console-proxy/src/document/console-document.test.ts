import { generateKeyPairSync } from 'node:crypto';
import { RefusedError } from '@isthmus/agent/appliance';
import type { ConsoleProxyDocument, Identity, Refusal } from '@isthmus/contract';
import { type Host, ManualClock, MemoryFiles, noSockets, scriptedRunner, silentLog } from '@isthmus/host';
import { parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { ConsoleDocument } from './console-document.ts';
import { documentOf, pushOf } from './document-fixture.ts';

const path = '/state/document.json';

/** Effects that note what they are given, and fail for the addresses in `broken`. */
class Effects {
  readonly applied: string[] = [];
  readonly served: number[] = [];
  readonly broken = new Set<string>();

  async apply({ publicAddress }: ConsoleProxyDocument): Promise<void> {
    if (this.broken.has(publicAddress)) throw new Error(`${publicAddress} cannot be had`);
    this.applied.push(publicAddress);
  }

  async withdraw(): Promise<void> {
    this.applied.push('none');
  }

  inForce({ generation }: Identity): void {
    this.served.push(generation);
  }
}

async function bench(files = new MemoryFiles(), effects = new Effects()) {
  const clock = new ManualClock();
  const host: Host = { commands: scriptedRunner([]), files, clock, log: silentLog, sockets: noSockets };
  const document = await ConsoleDocument.open(host, '/state', effects);
  return { document, files, effects, clock };
}

async function refusalOf(pushed: Promise<unknown>): Promise<Refusal> {
  try {
    await pushed;
  } catch (error) {
    if (error instanceof RefusedError) return error.refusal;
    throw error;
  }
  throw new Error('the push was not refused');
}

const other = (number: number) => documentOf({ publicAddress: parseIpv4Address(`203.0.113.${number}`) });

test('a push comes into force, is on disk before it is answered, and is served after a start without anybody', async (t) => {
  const first = await bench();
  const push = pushOf(other(30), 3);
  t.deepEqual(await first.document.take(push), { identity: push.target });
  t.deepEqual(await first.document.take(push), { identity: push.target });
  t.deepEqual(first.effects.applied, ['203.0.113.30']);
  t.deepEqual(first.document.serving?.identity, push.target);
  const again = await bench(first.files);
  t.deepEqual(again.document.stored, push.target);
  t.is(again.document.serving, null);
  await again.document.begin();
  t.deepEqual([again.effects.applied, again.effects.served], [['203.0.113.30'], [3]]);
});

test('what does not fit is refused by its path, and nothing changes', async (t) => {
  const { document, effects, files } = await bench();
  const good = pushOf(documentOf());
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const rows: readonly (readonly [string, unknown, string])[] = [
    ['no push', null, ''],
    ['a port', { ...good, document: { ...good.document, port: 70_000 } }, 'port'],
    [
      'a limit',
      { ...good, document: { ...good.document, limits: { ...good.document.limits, pending: 0 } } },
      'limits.pending',
    ],
    ['no origin', { ...good, document: { ...good.document, origins: [] } }, 'origins'],
    ['a gateway elsewhere', pushOf(documentOf({ gateway: parseIpv4Address('198.51.100.1') })), 'gateway'],
    ['a gateway that it is itself', pushOf(documentOf({ gateway: parseIpv4Address('203.0.113.20') })), 'gateway'],
    ['the loopback address', pushOf(documentOf({ publicAddress: parseIpv4Address('127.0.0.1') })), 'publicAddress'],
    [
      'an address of the control network',
      pushOf(documentOf({ publicAddress: parseIpv4Address('169.254.20.9') })),
      'publicAddress',
    ],
    ['no certificate', pushOf(documentOf({ tls: { certificateChain: 'x', privateKey: pem } })), 'tls.certificateChain'],
  ];
  for (const [name, push, expected] of rows) {
    const { code, paths, message } = await refusalOf(document.take(push));
    t.is(code, 'invalid', name);
    t.true(paths.includes(expected), `${name}: ${paths}`);
    t.false(message.includes('PRIVATE KEY'), name);
  }
  t.like(await refusalOf(document.take({ ...good, document: other(31) })), { code: 'base-mismatch' });
  t.deepEqual(effects.applied, []);
  t.false(files.texts.has(path));
});

test('an older fencing token is refused, also after a start', async (t) => {
  const { document, files, effects } = await bench();
  await document.take(pushOf(other(30), 1, 7));
  const again = await bench(files, effects);
  const refusal = await refusalOf(again.document.take(pushOf(other(31), 2, 6)));
  t.like(refusal, { code: 'stale-fencing-token', fencingToken: 7 });
  // A token counts from the first push that has it, also where its document is refused.
  effects.broken.add('203.0.113.32');
  t.like(await refusalOf(again.document.take(pushOf(other(32), 2, 9))), { code: 'failed' });
  t.like(await refusalOf(again.document.take(pushOf(other(31), 2, 8))), {
    code: 'stale-fencing-token',
    fencingToken: 9,
  });
});

test('a document that cannot be applied leaves the one before, in force and on disk', async (t) => {
  const { document, effects, files } = await bench();
  const good = pushOf(other(30), 1);
  await document.take(good);
  const stored = files.texts.get(path);
  effects.broken.add('203.0.113.31');
  const refusal = await refusalOf(document.take(pushOf(other(31), 2)));
  t.like(refusal, { code: 'failed', service: 'console', message: '203.0.113.31 cannot be had', serving: good.target });
  t.deepEqual(effects.applied, ['203.0.113.30', '203.0.113.30']);
  t.is(files.texts.get(path), stored);
  t.deepEqual(document.serving?.identity, good.target);
});

test('without a document before, nobody is served after one that failed', async (t) => {
  const { document, effects } = await bench();
  effects.broken.add('203.0.113.31');
  t.like(await refusalOf(document.take(pushOf(other(31)))), { code: 'failed', serving: null });
  t.deepEqual(effects.applied, ['none']);
});

test('what is on disk is tried again until it comes into force, and a damaged file is none', async (t) => {
  const first = await bench();
  await first.document.take(pushOf(other(30), 4));
  const effects = new Effects();
  effects.broken.add('203.0.113.30');
  const { document, clock } = await bench(first.files, effects);
  await document.begin();
  t.is(document.trouble, '203.0.113.30 cannot be had');
  await clock.advance(2_000);
  t.is(document.serving, null);
  effects.broken.clear();
  await clock.advance(2_000);
  t.deepEqual([document.serving?.identity.generation, document.trouble], [4, null]);
  await document.release();
  for (const text of ['{', '{}', (first.files.texts.get(path) ?? '').replace('203.0.113.30', '203.0.113.66')]) {
    first.files.texts.set(path, text);
    t.is((await bench(first.files)).document.stored, null, text);
  }
});
