import { MemoryFiles } from '@isthmus/host';
import test from 'ava';
import { bench, Pusher } from './agent-fixture.ts';
import { DocumentStore } from './document-store.ts';
import { LiveDocument } from './live-document.ts';

const snapshot = '/state/agent/document.json';
const journal = '/state/agent/journal.jsonl';

/** Files as a router leaves them that took a full push and a few changes; and what each of its generations served. */
async function served(journalLimitBytes?: number) {
  const files = new MemoryFiles();
  const { agent, services } = await bench(files, journalLimitBytes);
  const pusher = new Pusher();
  const texts = new Map<number, string>();
  for (const push of [pusher.full(), pusher.add(80), pusher.add(81), pusher.remove(80)]) {
    await agent.push(push);
    texts.set(push.target.generation, services[0]?.served ?? '');
  }
  await agent.release();
  return { files, texts, pusher };
}

test('boot restores the last document in full, without an orchestrator', async (t) => {
  const { files, texts, pusher } = await served();
  const { agent, services, trace } = await bench(files);
  t.is((await agent.status()).serving, null);
  await agent.boot();
  t.is((await agent.status()).serving?.generation, 4);
  t.deepEqual(
    services.map(({ served }) => served),
    [texts.get(4), texts.get(4)],
  );
  t.deepEqual(
    trace.slice(0, 5),
    ['plan', 'stage', 'apply', 'verify', 'commit'].map((step) => `first ${step}`),
  );
  await agent.push(pusher.add(90));
  await agent.release();
});

test('kill -9 in the middle of a write, at every byte: boot restores a whole generation', async (t) => {
  const { files, texts } = await served();
  const whole = files.texts.get(journal) ?? '';
  t.true(whole.split('\n').length === 4);
  for (let length = 0; length <= whole.length; length += 1) {
    const cut = new MemoryFiles();
    cut.texts.set(snapshot, files.texts.get(snapshot) ?? '');
    cut.texts.set(journal, whole.slice(0, length));
    const restarted = await bench(cut);
    await restarted.agent.boot();
    const { serving } = await restarted.agent.status();
    const complete = whole.slice(0, length).split('\n').length - 1;
    t.is(serving?.generation, 1 + complete, `cut at byte ${length}`);
    t.is(restarted.services[0]?.served, texts.get(1 + complete), `cut at byte ${length}`);
    await restarted.agent.release();
  }
});

test('a document that an older release left is not served without the sections that it lacks', async (t) => {
  const files = new MemoryFiles();
  const pusher = new Pusher();
  const { settings, entries, target } = pusher.full();
  const { metadata, ...known } = settings;
  t.truthy(metadata);
  const document = new LiveDocument();
  document.apply({ base: null, settings: known, entries });
  const store = new DocumentStore(files, '/state/agent', 1);
  await store.fold(document, { ...target, hash: document.hash }, 1);
  const { agent } = await bench(files);
  await agent.boot();
  const { serving, services } = await agent.status();
  t.is(serving, null);
  t.regex(services[0]?.detail ?? '', /no settings of section metadata; a full push is needed/);
  const whole = pusher.full();
  await agent.push(whole);
  t.deepEqual((await agent.status()).serving, whole.target);
  await agent.release();
});

test('after a torn end the next pushes are durable', async (t) => {
  const { files } = await served();
  files.texts.set(journal, (files.texts.get(journal) ?? '').slice(0, -10));
  const { agent } = await bench(files);
  await agent.boot();
  const serving = (await agent.status()).serving;
  t.is(serving?.generation, 3);
  const pusher = new Pusher();
  for (const push of [pusher.full(), pusher.add(70), pusher.add(71)]) await agent.push(push);
  await agent.release();
  const again = await bench(files);
  await again.agent.boot();
  t.is((await again.agent.status()).serving?.generation, 3);
  t.true(again.services[0]?.served.includes('forward-71'));
  await again.agent.release();
});

test('a kill between snapshot and emptied journal leaves the snapshot in force', async (t) => {
  const { files, texts } = await served();
  const old = files.texts.get(journal) ?? '';
  const folding = await bench(files, 1);
  await folding.agent.boot();
  const pusher = new Pusher();
  pusher.add(80);
  pusher.add(81);
  await folding.agent.push(pusher.full());
  await folding.agent.release();
  files.texts.set(journal, old);
  const restarted = await bench(files);
  await restarted.agent.boot();
  t.is((await restarted.agent.status()).serving?.generation, 3);
  t.is(restarted.services[0]?.served, texts.get(3));
  await restarted.agent.release();
});

test('a journal that outgrows its limit is folded, and nothing is lost', async (t) => {
  const { files, texts } = await served(1);
  const { agent, services } = await bench(files, 1);
  await agent.boot();
  t.is(services[0]?.served, texts.get(4));
  const pusher = new Pusher();
  await agent.push(pusher.full());
  for (let port = 1000; port < 1040; port += 1) await agent.push(pusher.add(port));
  await agent.release();
  t.true((files.texts.get(journal) ?? '').length < 2 * (files.texts.get(snapshot) ?? '').length);
  const restarted = await bench(files, 1);
  await restarted.agent.boot();
  t.is(restarted.services[0]?.served, services[0]?.served);
  await restarted.agent.release();
});

const damages: readonly (readonly [string, (files: MemoryFiles) => void])[] = [
  [
    'a snapshot with a changed byte',
    (files) => files.texts.set(snapshot, (files.texts.get(snapshot) ?? '').replace('r-1', 'r-2')),
  ],
  ['an empty snapshot', (files) => files.texts.set(snapshot, '')],
  ['an absent snapshot', (files) => files.texts.delete(snapshot)],
  [
    'a journal with a changed byte in the middle',
    (files) => files.texts.set(journal, (files.texts.get(journal) ?? '').replace('forward-80', 'forward-89')),
  ],
  [
    'a journal with a line missing',
    (files) => files.texts.set(journal, (files.texts.get(journal) ?? '').split('\n').slice(1).join('\n')),
  ],
];

for (const [name, damage] of damages) {
  test(`${name}: the agent says so, serves nothing, and takes a full push`, async (t) => {
    const { files } = await served();
    damage(files);
    const { agent, services } = await bench(files);
    await agent.boot();
    const status = await agent.status();
    t.is(status.serving, null);
    t.like(status.services[0], { service: 'agent', healthy: false });
    t.regex(status.services[0]?.detail ?? '', /a full push is needed/);
    t.is(services[0]?.served, '');
    const full = new Pusher().full();
    await agent.push(full);
    t.true((await agent.status()).services[0]?.healthy);
    await agent.release();
    const restarted = await bench(files);
    await restarted.agent.boot();
    t.deepEqual((await restarted.agent.status()).serving, full.target);
    await restarted.agent.release();
  });
}

test('a service that cannot be applied at boot stops those after it, and is tried again', async (t) => {
  const { files, texts } = await served();
  const { agent, services, clock, trace } = await bench(files);
  services[0]?.failing.add('apply');
  await agent.boot();
  t.is((await agent.status()).serving, null);
  t.false(trace.includes('second stage'));
  services[0]?.failing.clear();
  for (let second = 0; second < 5; second += 1) await clock.advance(1000);
  t.is((await agent.status()).serving?.generation, 4);
  t.is(services[1]?.served, texts.get(4));
  await agent.release();
});

test('an unhealthy service is healed within two intervals, and one that stays ill ever less often', async (t) => {
  const { files } = await served();
  const { agent, services, clock, trace } = await bench(files);
  await agent.boot();
  const [first, second] = services;
  if (first === undefined || second === undefined) return t.fail();
  first.healthy = false;
  await clock.advance(1000);
  await clock.advance(1000);
  t.true(first.healthy);
  second.failing.add('heal');
  second.healthy = false;
  trace.length = 0;
  for (let elapsed = 0; elapsed < 60; elapsed += 1) await clock.advance(1000);
  const heals = trace.filter((entry) => entry === 'second heal').length;
  t.true(heals >= 3 && heals <= 6, `${heals} attempts in a minute`);
  t.like((await agent.status()).services[2], { service: 'second', healthy: false });
  await agent.release();
});

test('a service that asks for rare checks is looked at rarely, until it is not well', async (t) => {
  const { files } = await served();
  const { agent, services, clock, trace } = await bench(files);
  const [first] = services;
  if (first === undefined) return t.fail();
  first.checkEveryMs = 10_000;
  const checks = () => trace.filter((entry) => entry === 'first health').length;
  await agent.boot();
  for (let elapsed = 0; elapsed < 40; elapsed += 1) await clock.advance(1000);
  t.true(checks() >= 3 && checks() <= 5, `${checks()} checks in 40 seconds`);
  first.healthy = false;
  for (let elapsed = 0; elapsed < 12; elapsed += 1) await clock.advance(1000);
  t.true(first.healthy);
  await agent.release();
});
