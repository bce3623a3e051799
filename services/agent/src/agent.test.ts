import type { Refusal } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import { CheckError } from '@isthmus/router';
import test, { type ExecutionContext } from 'ava';
import { bench, type FakeService, Pusher, type Step, settings } from './agent-fixture.ts';
import { type Agent, RefusedError } from './index.ts';

async function refusal(t: ExecutionContext, agent: Agent, push: unknown): Promise<Refusal> {
  const error = await t.throwsAsync(agent.push(push), { instanceOf: RefusedError });
  return error.refusal;
}

function servedBy(services: readonly FakeService[]): string[] {
  return services.map(({ served }) => served);
}

test('a full push and then a change are acknowledged, each step in order over all services', async (t) => {
  const { agent, trace, services } = await bench();
  const pusher = new Pusher();
  const full = pusher.full();
  t.deepEqual(await agent.push(full), { identity: full.target });
  trace.length = 0;
  const added = pusher.add(80);
  t.deepEqual(await agent.push(added), { identity: added.target });
  t.deepEqual(
    trace,
    ['check', 'plan', 'stage', 'apply', 'verify', 'commit'].flatMap((step) => [`first ${step}`, `second ${step}`]),
  );
  t.true(servedBy(services).every((text) => text.includes('forward-80')));
  t.deepEqual((await agent.status()).serving, added.target);
});

const failures = (['check', 'plan', 'stage', 'apply', 'verify'] as const).flatMap((step) =>
  [0, 1].map((index) => ({ step, index })),
);

for (const { step, index } of failures) {
  test(`${step} of the ${index === 0 ? 'first' : 'second'} service fails: the old generation serves on`, async (t) => {
    const { agent, services } = await bench();
    const pusher = new Pusher();
    await agent.push(pusher.full());
    const good = pusher.add(80);
    await agent.push(good);
    const before = servedBy(services);
    services[index]?.failing.add(step);
    const refused = await refusal(t, agent, pusher.add(81));
    t.is(refused.code, 'failed');
    t.is(refused.service, services[index]?.name);
    t.regex(refused.message, /fails to order/);
    t.deepEqual(refused.serving, good.target);
    t.deepEqual(servedBy(services), before);
    t.deepEqual((await agent.status()).serving, good.target);
    services[index]?.failing.clear();
    pusher.refused(good.target, 'add', 81);
    const next = pusher.add(82);
    t.deepEqual(await agent.push(next), { identity: next.target });
    t.true(servedBy(services).every((text) => text.includes('forward-82') && !text.includes('forward-81')));
  });
}

test('the push cannot be written down: the old generation serves on, and the next push is whole again', async (t) => {
  const { agent, services, files } = await bench();
  const pusher = new Pusher();
  const full = pusher.full();
  await agent.push(full);
  const before = servedBy(services);
  const { appendText } = files;
  files.appendText = async (path, text) => {
    await appendText.call(files, path, text.slice(0, 50));
    throw new Error('no space left on device');
  };
  const refused = await refusal(t, agent, pusher.add(80));
  t.is(refused.code, 'failed');
  t.regex(refused.message, /no space left/);
  t.deepEqual(servedBy(services), before);
  files.appendText = appendText;
  pusher.refused(full.target, 'add', 80);
  const next = pusher.add(81);
  await agent.push(next);
  const restarted = await bench(files);
  await restarted.agent.boot();
  t.deepEqual((await restarted.agent.status()).serving, next.target);
  t.deepEqual(servedBy(restarted.services), servedBy(services));
  await restarted.agent.release();
});

test('a commit that fails comes too late to go back: the new generation serves and is applied again', async (t) => {
  const { agent, services, trace } = await bench();
  const pusher = new Pusher();
  await agent.push(pusher.full());
  services[0]?.failing.add('commit');
  const added = pusher.add(80);
  t.deepEqual(await agent.push(added), { identity: added.target });
  t.true(trace.includes('second commit'));
  t.true(servedBy(services).every((text) => text.includes('forward-80')));
});

test('a service that cannot go back is applied in full at the next chance', async (t) => {
  const { agent, services, clock } = await bench();
  const pusher = new Pusher();
  await agent.boot();
  const full = pusher.full();
  await agent.push(full);
  const before = servedBy(services);
  for (const step of ['apply', 'revert'] satisfies Step[]) services[0]?.failing.add(step);
  await refusal(t, agent, pusher.add(80));
  t.is(services[0]?.served, 'halfway');
  t.false((await agent.status()).services[0]?.healthy);
  services[0]?.failing.clear();
  await clock.advance(1000);
  await clock.advance(1000);
  t.deepEqual(servedBy(services), before);
  t.true((await agent.status()).services[0]?.healthy);
  await agent.release();
});

test('between pushes a service does what it left for later; what fails then is tried again', async (t) => {
  const { agent, services, clock } = await bench();
  const [service] = services;
  if (service === undefined) return t.fail();
  let calls = 0;
  service.whenIdle = async () => {
    calls += 1;
    if (calls === 1) throw new Error('fails to order');
  };
  await agent.boot();
  await agent.push(new Pusher().full());
  t.is(calls, 0);
  for (let look = 0; look < 3; look += 1) await clock.advance(1000);
  t.true(calls >= 2);
  t.true((await agent.status()).services[0]?.healthy);
  await agent.release();
});

test('what does not fit the schema is refused with its path', async (t) => {
  const { agent, trace } = await bench();
  const pusher = new Pusher();
  const push = pusher.full();
  for (const bad of [null, 17, 'push', {}, { ...push, base: undefined }, { ...push, more: 1 }]) {
    t.is((await refusal(t, agent, bad)).code, 'invalid');
  }
  const injected = { ...push, settings: { ...settings, system: { ...settings.system, hostname: 'a\nb' } } };
  t.deepEqual((await refusal(t, agent, injected)).paths, ['system.hostname']);
  const added = pusher.add(80);
  const entry = added.entries['nat.portForwards']?.upsert['forward-80'];
  const reversed = { ...entry, publicPorts: { first: 90, last: 80 } };
  const upserted = (upsert: unknown, remove: string[] = []) => ({
    ...added,
    entries: { 'nat.portForwards': { upsert, remove } },
  });
  t.deepEqual((await refusal(t, agent, upserted({ one: reversed }))).paths, ['nat.portForwards.one.publicPorts']);
  t.deepEqual((await refusal(t, agent, upserted({ one: { ...entry, protocol: 'sctp' } }))).paths, [
    'nat.portForwards.one.protocol',
  ]);
  t.deepEqual((await refusal(t, agent, upserted({ one: entry }, ['one']))).paths, ['nat.portForwards.one']);
  const { dns, ...others } = settings;
  t.truthy(dns);
  t.deepEqual((await refusal(t, agent, { ...push, settings: others })).paths, ['dns']);
  t.deepEqual(trace, []);
});

test('a fault that a service finds names its path and service', async (t) => {
  const { agent, services } = await bench();
  const [, second] = services;
  if (second === undefined) return t.fail();
  second.check = () => [{ path: 'nat.portForwards.x', message: 'overlaps with y' }] as never;
  const refused = await refusal(t, agent, new Pusher().full());
  t.like(refused, { code: 'invalid', service: 'second', message: 'nat.portForwards.x: overlaps with y' });
});

test('a base or a result that does not match asks for a full push', async (t) => {
  const { agent, services } = await bench();
  const pusher = new Pusher();
  const full = pusher.full();
  const first = pusher.add(80);
  t.is((await refusal(t, agent, first)).code, 'base-mismatch');
  await agent.push(full);
  const before = servedBy(services);
  const wrongHash = { ...first, target: { ...first.target, hash: '0'.repeat(64) } };
  t.is((await refusal(t, agent, wrongHash)).code, 'base-mismatch');
  const wrongEpoch = { ...first, base: { ...full.target, epoch: 'ffffffff' } };
  t.is((await refusal(t, agent, wrongEpoch)).code, 'base-mismatch');
  t.deepEqual(servedBy(services), before);
  t.deepEqual(await agent.push(first), { identity: first.target });
});

test('a push that is served already is acknowledged without work', async (t) => {
  const { agent, trace } = await bench();
  const pusher = new Pusher();
  await agent.push(pusher.full());
  const added = pusher.add(80);
  await agent.push(added);
  trace.length = 0;
  t.deepEqual(await agent.push(added), { identity: added.target });
  t.deepEqual(trace, []);
});

test('pushes are taken one at a time, in order', async (t) => {
  const { agent, services } = await bench();
  const pusher = new Pusher();
  const pushes = [pusher.full(), pusher.add(80), pusher.add(81), pusher.remove(80), pusher.add(82)];
  const answers = await Promise.all(pushes.map((push) => agent.push(push)));
  t.deepEqual(
    answers.map(({ identity }) => identity.generation),
    [1, 2, 3, 4, 5],
  );
  t.true(servedBy(services).every((text) => text.includes('forward-82') && !text.includes('forward-80')));
});

test('an older fencing token is refused, also after a restart and where the newer push failed', async (t) => {
  const { agent, files, services } = await bench();
  const pusher = new Pusher();
  const full = pusher.full();
  await agent.push(full);
  pusher.fencingToken = 7;
  services[0]?.failing.add('apply');
  await refusal(t, agent, pusher.add(80));
  services[0]?.failing.clear();
  pusher.refused(full.target, 'add', 80);
  pusher.fencingToken = 6;
  t.is((await refusal(t, agent, pusher.add(80))).code, 'stale-fencing-token');
  const restarted = await bench(files);
  await restarted.agent.boot();
  pusher.refused(full.target, 'add', 80);
  const stale = pusher.add(80);
  t.is((await refusal(t, restarted.agent, stale)).code, 'stale-fencing-token');
  await restarted.agent.push({ ...stale, fencingToken: 7 });
  await restarted.agent.release();
});

test('a full push replaces what was there', async (t) => {
  const { agent, services } = await bench();
  const first = new Pusher();
  await agent.push(first.full());
  await agent.push(first.add(80));
  const second = new Pusher();
  second.add(90);
  const full = second.full();
  await agent.push(full);
  t.true(servedBy(services).every((text) => text.includes('forward-90') && !text.includes('forward-80')));
});

test('a first push that fails leaves nothing behind', async (t) => {
  const { agent, services } = await bench();
  services[1]?.failing.add('verify');
  const pusher = new Pusher();
  const refused = await refusal(t, agent, pusher.full());
  t.is(refused.serving, null);
  services[1]?.failing.clear();
  const full = pusher.full();
  t.deepEqual(await agent.push(full), { identity: full.target });
});

test('release ends the services in order, shutdown in reverse, and neither takes another push', async (t) => {
  for (const end of ['release', 'shutdown'] as const) {
    const { agent, trace } = await bench();
    const pusher = new Pusher();
    await agent.push(pusher.full());
    await agent.boot();
    trace.length = 0;
    await agent[end]();
    const order = end === 'release' ? ['first', 'second'] : ['second', 'first'];
    t.deepEqual(
      trace.filter((entry) => entry.endsWith(end)),
      order.map((name) => `${name} ${end}`),
    );
    t.is((await refusal(t, agent, pusher.add(80))).code, 'failed');
  }
});

test('portable state goes from one agent to its replacement', async (t) => {
  const one = await bench();
  const other = await bench();
  const imported: string[] = [];
  const portable = { exportState: async () => 'leases', importState: async (text: string) => void imported.push(text) };
  Object.assign(one.services[1] ?? {}, { portable });
  Object.assign(other.services[1] ?? {}, { portable });
  const state = await one.agent.exportState();
  t.deepEqual(state, { second: 'leases' });
  await other.agent.importState(state);
  t.deepEqual(imported, ['leases']);
});

test('a refusal carries the words of the daemon, and the paths that its checker named', async (t) => {
  const { agent, services } = await bench();
  const [, second] = services;
  if (second === undefined) return t.fail();
  const failing = (error: Error) => {
    second.plan = () => ({
      stage: () => Promise.reject(error),
      apply: async () => {},
      verify: async () => {},
      commit: async () => {},
      revert: async () => {},
    });
  };
  const pusher = new Pusher();
  failing(new CheckError('a host is refused', 'bad dhcp-host at line 3', ['dhcp.hosts.h1']));
  t.like(await refusal(t, agent, pusher.full()), {
    code: 'rejected',
    service: 'second',
    paths: ['dhcp.hosts.h1'],
    message: 'second: stage: a host is refused',
    detail: 'bad dhcp-host at line 3',
  });
  const outcome = { exitCode: 2, timedOut: false, stdout: '', stderr: 'line 7 failed\n' };
  failing(new Error('the rules were refused', { cause: new CommandError('iptables-restore', outcome) }));
  t.like(await refusal(t, agent, pusher.full()), {
    code: 'failed',
    message: 'second: stage: the rules were refused',
    detail: 'line 7 failed',
  });
});

test('a health check that throws is a finding', async (t) => {
  const { agent, services } = await bench();
  await agent.push(new Pusher().full());
  services[0]?.failing.add('health');
  t.like((await agent.status()).services[1], {
    service: 'first',
    healthy: false,
    detail: 'health of first fails to order',
  });
});
