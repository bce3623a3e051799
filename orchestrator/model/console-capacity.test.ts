import test from 'ava';
import fc from 'fast-check';
import { type ConsoleLimits, type ProxyLoad, planCapacity } from './console-capacity.ts';

const limits: ConsoleLimits = { sessionsPerProxy: 10, standby: 3, mostProxies: 3, idleSeconds: 60 };

function proxy(id: string, traits: Partial<ProxyLoad> = {}): ProxyLoad {
  const well = {
    state: 'Running',
    sessions: 0,
    isDraining: false,
    isHealthy: true,
    hasServed: true,
    idleSeconds: 0,
  } as const;
  return { id, ...well, ...traits };
}

test('the first proxy comes as soon as the zone has what consoles are for', (t) => {
  t.true(planCapacity([], limits, true).deploy);
  t.false(planCapacity([], limits, false).deploy);
  t.false(planCapacity([], { ...limits, mostProxies: 0 }, true).deploy);
});

test('another comes when no more than the standby is left, while none is on its way', (t) => {
  t.false(planCapacity([proxy('a', { sessions: 6 })], limits, true).deploy);
  t.true(planCapacity([proxy('a', { sessions: 7 })], limits, true).deploy);
  const starting = proxy('b', { state: 'Starting' });
  t.false(planCapacity([proxy('a', { sessions: 10 }), starting], limits, true).deploy);
  const three = ['a', 'b', 'c'].map((id) => proxy(id, { sessions: 10 }));
  t.false(planCapacity(three, limits, true).deploy);
});

test('one that never came up is no reason for another; one that served is', (t) => {
  t.false(planCapacity([proxy('a', { state: 'Error', hasServed: false })], limits, true).deploy);
  t.true(planCapacity([proxy('a', { state: 'Error' })], limits, true).deploy);
  t.true(planCapacity([proxy('a', { isHealthy: false })], limits, true).deploy);
});

test('the surplus drains, the least busy first, and goes when it was idle for long enough', (t) => {
  const [a, b] = [proxy('a', { sessions: 2 }), proxy('b', { sessions: 1 })];
  t.deepEqual(planCapacity([a, b], limits, true).drain, ['b']);
  t.deepEqual(planCapacity([a, { ...b, isDraining: true, idleSeconds: null }], limits, true).remove, []);
  t.deepEqual(planCapacity([a, proxy('b', { isDraining: true, idleSeconds: 59 })], limits, true).remove, []);
  t.deepEqual(planCapacity([a, proxy('b', { isDraining: true, idleSeconds: 60 })], limits, true).remove, ['b']);
});

test('one that drains serves again before another is deployed', (t) => {
  const plan = planCapacity([proxy('a', { sessions: 8 }), proxy('b', { isDraining: true })], limits, true);
  t.deepEqual(plan, { deploy: false, undrain: ['b'], drain: [], remove: [] });
});

test('more proxies than there may be drain', (t) => {
  const two = [proxy('a', { sessions: 3 }), proxy('b', { sessions: 1 })];
  t.deepEqual(planCapacity(two, { ...limits, mostProxies: 1 }, true).drain, ['b']);
  t.deepEqual(planCapacity(two, { ...limits, mostProxies: 0 }, true).drain, ['b', 'a']);
});

const load = fc.record({
  state: fc.constantFrom('Starting', 'Running', 'Stopped', 'Error' as const),
  sessions: fc.nat(12),
  isDraining: fc.boolean(),
  isHealthy: fc.boolean(),
  hasServed: fc.boolean(),
  idleSeconds: fc.option(fc.nat(120)),
});

test('a plan never takes the last one that serves, nor a session, nor more than there may be', (t) => {
  const check = fc.check(
    fc.property(fc.array(load, { maxLength: 6 }), fc.integer({ min: 1, max: 4 }), (loads, mostProxies) => {
      const proxies = loads.map((each, index) => proxy(String(index), each as Partial<ProxyLoad>));
      const plan = planCapacity(proxies, { ...limits, mostProxies }, true);
      const left = proxies.filter(({ id, isDraining }) => !isDraining && !plan.drain.includes(id));
      const served = proxies.filter(({ isDraining }) => !isDraining);
      if (served.length > 0 && left.length === 0) throw new Error('nothing serves any more');
      if (plan.remove.some((id) => (proxies.find((each) => each.id === id)?.sessions ?? 0) > 0)) {
        throw new Error('a proxy with sessions is removed');
      }
      if (plan.deploy && proxies.length - plan.remove.length >= mostProxies) throw new Error('too many are deployed');
    }),
  );
  t.is(check.failed, false, fc.defaultReportMessage(check) ?? '');
});
