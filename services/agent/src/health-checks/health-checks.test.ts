import { defaultHealthChecks, type HealthCheckSettings } from '@isthmus/contract';
import { ManualClock, silentLog } from '@isthmus/host';
import type { CheckFinding, HealthCheck, RouterService } from '@isthmus/router';
import test from 'ava';
import { FakeService } from '../agent-fixture.ts';
import { HealthChecks } from './health-checks.ts';

/** A check that counts how often it was made and finds what it is told. */
class Probe implements HealthCheck {
  readonly name: string;
  readonly kind: HealthCheck['kind'];
  made = 0;
  finding: () => Promise<CheckFinding> = async () => ({ status: 'SUCCESS', detail: 'well' });

  constructor(name: string, kind: HealthCheck['kind']) {
    this.name = name;
    this.kind = kind;
  }

  run(): Promise<CheckFinding> {
    this.made += 1;
    return this.finding();
  }
}

class CheckedService extends FakeService {
  readonly checks: readonly HealthCheck[];

  constructor(name: string, clock: ManualClock, checks: readonly HealthCheck[]) {
    super(name, [], clock);
    this.checks = checks;
  }
}

function bench(settings?: Partial<HealthCheckSettings>) {
  const clock = new ManualClock();
  const basic = new Probe('basic.test', 'basic');
  const advanced = new Probe('advanced.test', 'advanced');
  const own = new Probe('own.test', 'advanced');
  const service = new CheckedService('dnsmasq', clock, [own]);
  const healed: RouterService[] = [];
  let current = settings === undefined ? undefined : { ...defaultHealthChecks, ...settings };
  const health = new HealthChecks({
    clock,
    log: silentLog,
    services: [service],
    checks: [advanced, basic],
    settings: () => current,
    heal: async (each) => {
      healed.push(each);
    },
  });
  const set = (changed: Partial<HealthCheckSettings>) => {
    current = { ...defaultHealthChecks, ...current, ...changed };
  };
  return { clock, basic, advanced, own, service, healed, health, set };
}

test('what was never made is made, what was made is remembered, and fresh means now', async (t) => {
  const { basic, advanced, own, health } = bench();
  const results = await health.results(false);
  t.deepEqual(
    results.map(({ name, kind, status }) => `${name} ${kind} ${status}`),
    [
      'basic.test basic SUCCESS',
      'dhcp.service basic SUCCESS',
      'advanced.test advanced SUCCESS',
      'own.test advanced SUCCESS',
    ],
  );
  await health.results(false);
  t.deepEqual([basic.made, advanced.made, own.made], [1, 1, 1]);
  await health.results(true);
  t.deepEqual([basic.made, advanced.made, own.made], [2, 2, 2]);
});

test('a check that throws, and one that does not end, have failed', async (t) => {
  const { basic, advanced, clock, health } = bench();
  basic.finding = async () => {
    throw new Error('no such file');
  };
  advanced.finding = () => new Promise(() => {});
  const pending = health.results(true);
  await clock.advance(30_000);
  const results = new Map((await pending).map((result) => [result.name, result]));
  t.is(results.get('basic.test')?.status, 'FAILURE');
  t.is(results.get('basic.test')?.detail, 'no such file');
  t.is(results.get('advanced.test')?.status, 'FAILURE');
  t.regex(results.get('advanced.test')?.detail ?? '', /30000 ms/);
});

test('a service is healed when a check of its own fails, and not for a warning', async (t) => {
  const { own, advanced, service, healed, health } = bench();
  own.finding = async () => ({ status: 'WARNING', detail: 'others are silent' });
  advanced.finding = async () => ({ status: 'FAILURE', detail: 'nobody can mend it' });
  await health.results(true);
  t.deepEqual(healed, []);
  own.finding = async () => ({ status: 'FAILURE', detail: 'silent' });
  await health.results(true);
  t.deepEqual(healed, [service]);
});

test('who asks afresh while a round is under way gets one that began after the question', async (t) => {
  const { basic, health } = bench();
  let end = () => {};
  basic.finding = () =>
    new Promise((resolve) => {
      end = () => resolve({ status: 'SUCCESS', detail: `round ${basic.made}` });
    });
  const detail = async (asked: ReturnType<typeof health.results>) =>
    (await asked).find(({ name }) => name === 'basic.test')?.detail;
  const first = health.results(true);
  const [second, third] = [health.results(true), health.results(true)];
  t.is(basic.made, 1);
  end();
  t.is(await detail(first), 'round 1');
  while (basic.made < 2) await new Promise((resolve) => setImmediate(resolve));
  end();
  t.deepEqual([await detail(second), await detail(third)], ['round 2', 'round 2']);
  t.is(basic.made, 2);
});

test('checks are made as often as the settings say, and not where they say none', async (t) => {
  const { basic, advanced, clock, health, set } = bench({ basicIntervalMs: 60_000, advancedIntervalMs: 0 });
  const end = new AbortController();
  const watching = health.watch(end.signal);
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10_000) await clock.advance(10_000);
  };
  await pass(300_000);
  t.true(basic.made >= 3 && basic.made <= 6, String(basic.made));
  t.is(advanced.made, 0);
  set({ enabled: false });
  await pass(20_000);
  const made = basic.made;
  await pass(300_000);
  t.is(basic.made, made);
  set({ enabled: true, advancedIntervalMs: 60_000 });
  await pass(300_000);
  t.true(basic.made > made && advanced.made >= 3);
  end.abort(new Error('the end of the test'));
  await watching;
});

test('a router without settings checks only what it is asked to', async (t) => {
  const { basic, clock, health } = bench();
  const end = new AbortController();
  const watching = health.watch(end.signal);
  for (let passed = 0; passed < 100; passed += 1) await clock.advance(60_000);
  t.is(basic.made, 0);
  end.abort(new Error('the end of the test'));
  await watching;
});

test('excluded checks are neither made nor told', async (t) => {
  const { own, health } = bench({ excluded: ['own.test', 'dhcp.service'] });
  const names = (await health.results(true)).map(({ name }) => name);
  t.deepEqual(names, ['basic.test', 'advanced.test']);
  t.is(own.made, 0);
});
