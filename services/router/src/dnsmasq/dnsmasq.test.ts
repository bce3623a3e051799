import { createHost, createLog, createNamespaceHost } from '@isthmus/host';
import { parseFqdn, parseHostname, parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import type { RouterService } from '../service.ts';
import { createDnsmasqService } from './dnsmasq.ts';
import {
  type DnsmasqLab,
  dnsmasqLab,
  guests,
  hostOf,
  noGuests,
  push,
  settingsOf,
  TestDocument,
} from './dnsmasq-fixture.ts';

interface Bench {
  readonly lab: DnsmasqLab;
  readonly service: RouterService;
  readonly document: TestDocument;
}

async function bench(t: ExecutionContext): Promise<Bench> {
  const lab = await dnsmasqLab();
  const service = createDnsmasqService({ host: lab.router, paths: lab.paths, namePrefix: 'itd' });
  t.teardown(async () => {
    await service.shutdown();
    await lab.end();
  });
  return { lab, service, document: new TestDocument() };
}

test('a guest gets its reserved lease with all that it says, and its name is answered', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  const lease = await lab.lease('02:00:00:00:00:01');
  t.is(lease?.ip, '10.1.1.1');
  t.is(lease?.router, '10.1.0.1');
  t.is(lease?.dns, '10.1.0.1');
  t.is(lease?.domain, 'cs1.internal');
  t.is(lease?.hostname, 'vm1');
  t.is(lease?.lease, '86400');
  t.deepEqual(await lab.dig('vm2.cs1.internal'), ['10.1.1.2']);
  t.deepEqual(await lab.dig('vm2'), ['10.1.1.2']);
  t.deepEqual(await lab.dig('-x', '10.1.1.2'), ['vm2.cs1.internal.']);
  t.deepEqual(await lab.dig('version.bind', 'CH', 'TXT'), [], 'it tells nobody which version it is');
  t.is(await lab.lease('02:00:00:00:00:09'), null);
  t.like(await service.health(), { healthy: true });
  await push(service, document.change(guests([3])));
  t.deepEqual(await lab.dig('vm3.cs1.internal'), ['10.1.1.3']);
  await push(service, document.change(noGuests([3])));
});

test('the log stays in bounds, whatever a guest makes dnsmasq say', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1]) }));
  const path = `${lab.paths.run}/dnsmasq/dns/log`;
  const size = async () => (await lab.router.files.readText(path)).length;
  t.true((await size()) > 0);
  await lab.router.files.appendText(path, 'dnsmasq-dhcp: no address range available\n'.repeat(5000));
  t.like(await service.health(), { healthy: true });
  t.true((await size()) < 1000, `${await size()} bytes`);
  await push(service, document.change(guests([2])));
  t.deepEqual(await lab.dig('vm2.cs1.internal'), ['10.1.1.2']);
});

/** Of the process that answers the host of number 1, unless another is named. */
async function pidOf({ lab }: Bench, instance = 'dhcp-1'): Promise<string> {
  return (await lab.router.files.readText(`${lab.paths.run}/dnsmasq/${instance}/pid`)).trim();
}

async function eventually(t: ExecutionContext, what: string, holds: () => Promise<boolean>): Promise<void> {
  let isSo = await holds();
  for (let tries = 0; !isSo && tries < 500; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    isSo = await holds();
  }
  t.true(isSo, what);
}

test('a removed guest is not waited for, and soon neither its name nor its lease is answered', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  const pid = await pidOf(each);
  t.is((await lab.lease('02:00:00:00:00:01'))?.ip, '10.1.1.1');
  await push(service, document.change(noGuests([1])));
  await eventually(t, 'the name is answered still', async () => (await lab.dig('vm1.cs1.internal')).length === 0);
  await eventually(t, 'the lease is held still', async () => (await service.portable?.exportState()) === '');
  t.is(await lab.lease('02:00:00:00:00:01'), null);
  t.deepEqual(await lab.dig('vm2.cs1.internal'), ['10.1.1.2']);
  t.is(await pidOf(each), pid);
});

test('an address, a MAC address and a name are free for a new guest in the push after, and in the same push', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  t.is((await lab.lease('02:00:00:00:00:01'))?.ip, '10.1.1.1');
  t.is((await lab.lease('02:00:00:00:00:02'))?.ip, '10.1.1.2');
  await push(service, document.change(noGuests([1])));
  const successor = hostOf(5, { address: hostOf(1).address });
  await push(service, document.change({ hosts: { new: successor } }));
  t.is((await lab.lease('02:00:00:00:00:05'))?.ip, '10.1.1.1');
  const renumbered = hostOf(2, { address: hostOf(7).address });
  await push(
    service,
    document.change({
      hosts: { h2: null, other: renumbered },
      records: { h2: { hostname: renumbered.hostname, address: renumbered.address } },
    }),
  );
  t.is((await lab.lease('02:00:00:00:00:02'))?.ip, '10.1.1.7');
  t.deepEqual(await lab.dig('vm2.cs1.internal'), ['10.1.1.7']);
});

test('a guest that comes back before its removal was carried out is served without a reload', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1]) }));
  await push(service, document.change(noGuests([1])));
  await push(service, document.change(guests([1])));
  t.deepEqual(await lab.dig('vm1.cs1.internal'), ['10.1.1.1']);
  await new Promise((resolve) => setTimeout(resolve, 400));
  t.deepEqual(await lab.dig('vm1.cs1.internal'), ['10.1.1.1']);
  t.is((await lab.lease('02:00:00:00:00:01'))?.ip, '10.1.1.1');
});

test('options and forwarders change without a restart; the network changes with one, and leases outlive it', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  await push(service, document.change({ full: true, ...guests([1]) }));
  const pid = await pidOf(each);
  t.is((await lab.lease('02:00:00:00:00:01'))?.mtu, undefined);
  await push(
    service,
    document.change({ settings: settingsOf({ mtu: 1400 }, { forwarders: [parseIpv4Address('10.1.0.250')] }) }),
  );
  t.is((await lab.lease('02:00:00:00:00:01'))?.mtu, '1400');
  t.is(await pidOf(each), pid);
  const leases = await service.portable?.exportState();
  t.regex(leases ?? '', /^\d+ 02:00:00:00:00:01 10\.1\.1\.1 vm1 \*\n$/);
  const settings = settingsOf({ domain: parseFqdn('other.internal') }, { domain: parseFqdn('other.internal') });
  await push(service, document.change({ settings }));
  t.not(await pidOf(each), pid);
  t.deepEqual(await lab.dig('vm1.other.internal'), ['10.1.1.1']);
  t.deepEqual(await lab.dig('vm1.cs1.internal'), []);
  t.is(await service.portable?.exportState(), leases);
  t.is((await lab.lease('02:00:00:00:00:01'))?.domain, 'other.internal');
});

test('a daemon killed with SIGKILL is found dead and started again, with its leases', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  await push(service, document.change({ full: true, ...guests([1]) }));
  await lab.lease('02:00:00:00:00:01');
  const leases = await service.portable?.exportState();
  lab.router.commands.signal(Number(await pidOf(each)), 'SIGKILL');
  await eventually(t, 'the health check sees nothing', async () => !(await service.health()).healthy);
  await service.heal();
  t.like(await service.health(), { healthy: true });
  t.is(await service.portable?.exportState(), leases);
  t.deepEqual(await lab.dig('vm1'), ['10.1.1.1']);
});

test('a daemon that is dead when a push comes serves after it', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  await push(service, document.change({ full: true, ...guests([1]) }));
  lab.router.commands.signal(Number(await pidOf(each)), 'SIGKILL');
  await push(service, document.change(guests([2])));
  t.deepEqual(await lab.dig('vm1'), ['10.1.1.1']);
  t.deepEqual(await lab.dig('vm2'), ['10.1.1.2']);
});

test('a stopped daemon fails the health check by its silence', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  await push(service, document.change({ full: true, ...guests([1]) }));
  lab.router.commands.signal(Number(await pidOf(each)), 'SIGSTOP');
  t.like(await service.health(), {
    healthy: false,
    detail: 'DHCP did not answer within 5000 ms, for hosts of share 1 of 2',
  });
  await service.heal();
  t.like(await service.health(), { healthy: true });
});

test('a new agent adopts the running daemon, whatever a lost process id file says', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  const pid = await pidOf(each);
  await service.release();
  const successor = createDnsmasqService({ host: lab.router, paths: lab.paths, namePrefix: 'itd' });
  await push(successor, document.change({ full: true, ...noGuests([2]), ...guests([3]) }));
  t.is(await pidOf(each), pid);
  t.deepEqual(await lab.dig('vm3'), ['10.1.1.3']);
  await lab.router.files.remove(`${lab.paths.run}/dnsmasq/dhcp-1/pid`);
  const third = createDnsmasqService({ host: lab.router, paths: lab.paths, namePrefix: 'itd' });
  await push(third, document.change({ full: true }));
  t.false(await lab.router.commands.isRunning(Number(pid), 'dnsmasq'));
  t.deepEqual(await lab.dig('vm3'), ['10.1.1.3']);
});

test('a plan that is taken back leaves what was served before, whatever it did', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  const pid = await pidOf(each);
  const settings = settingsOf({ domain: parseFqdn('other.internal') }, { domain: parseFqdn('other.internal') });
  const attempts = [
    document.change({ ...guests([3]) }),
    document.change({ ...noGuests([1, 3]) }),
    document.change({ hosts: { h1: hostOf(8), h3: null }, records: { h1: null, h3: null } }),
  ];
  for (const attempt of attempts) {
    const plan = service.plan(attempt);
    await plan?.stage();
    await plan?.apply();
    await plan?.revert();
    t.deepEqual(await lab.dig('vm1'), ['10.1.1.1']);
    t.deepEqual(await lab.dig('vm3'), []);
    t.is((await lab.lease('02:00:00:00:00:01'))?.ip, '10.1.1.1');
    t.is(await lab.lease('02:00:00:00:00:08'), null);
  }
  t.is(await pidOf(each), pid);
  const plan = service.plan(new TestDocument().change({ full: true, settings, ...guests([4]) }));
  await plan?.stage();
  await plan?.apply();
  t.deepEqual(await lab.dig('vm4.other.internal'), ['10.1.1.4']);
  await plan?.revert();
  t.deepEqual(await lab.dig('vm4.other.internal'), []);
  t.deepEqual(await lab.dig('vm1.cs1.internal'), ['10.1.1.1']);
});

test('the first plan of a new agent that is taken back leaves what its predecessor served', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1]) }));
  await push(service, document.change(guests([2])));
  await service.release();
  const successor = createDnsmasqService({ host: lab.router, paths: lab.paths, namePrefix: 'itd' });
  const plan = successor.plan(new TestDocument().change({ full: true, ...guests([3]) }));
  await plan?.stage();
  await plan?.apply();
  t.deepEqual(await lab.dig('vm2'), []);
  await plan?.revert();
  t.deepEqual(await lab.dig('vm2'), ['10.1.1.2']);
  t.deepEqual(await lab.dig('vm3'), []);
});

test('leases go over to a replacement router, but for those of guests that are gone', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  await lab.lease('02:00:00:00:00:01');
  await lab.lease('02:00:00:00:00:02');
  const leases = (await service.portable?.exportState()) ?? '';
  await service.shutdown();
  const paths = { state: `${lab.paths.state}/replacement`, run: `${lab.paths.run}/replacement` };
  const replacement = createDnsmasqService({ host: lab.router, paths, namePrefix: 'itd' });
  t.teardown(() => replacement.shutdown());
  await t.throwsAsync(async () => replacement.portable?.importState('dhcp-script=/bin/sh\n'));
  await replacement.portable?.importState(leases);
  await push(replacement, document.change({ full: true, ...noGuests([2]) }));
  t.deepEqual((await replacement.portable?.exportState())?.split('\n'), [
    ...leases.split('\n').filter((line) => line.includes('vm1')),
    '',
  ]);
});

test("names that are dnsmasq's own keywords and lease times are names", async (t) => {
  const { lab, service, document } = await bench(t);
  const names = ['ignore', 'infinite', '24h', '3600', 'set', 'id', 'localhost', '10'];
  const hosts = Object.fromEntries(names.map((name, n) => [name, hostOf(n + 1, { hostname: parseHostname(name) })]));
  await push(service, document.change({ full: true, hosts, records: hosts }));
  for (const [n, name] of names.entries()) {
    const lease = await lab.lease(hostOf(n + 1).macAddress);
    t.like(lease, { ip: `10.1.1.${n + 1}`, hostname: name, lease: '86400' });
    t.deepEqual(await lab.dig(`${name}.cs1.internal`), [`10.1.1.${n + 1}`]);
  }
});

test('what did not come in by the guest interface is not answered', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1]) }));
  const name = `${lab.routerName}p`;
  await lab.router.commands.run('ip', ['link', 'add', 'eth2', 'type', 'veth', 'peer', 'name', name]);
  await lab.router.commands.run('ip', ['addr', 'add', '203.0.113.1/24', 'dev', 'eth2']);
  await lab.router.commands.run('ip', ['link', 'set', 'eth2', 'up']);
  const outside = `${lab.routerName}o`;
  await lab.router.commands.run('ip', ['netns', 'add', outside]);
  t.teardown(() => createHost({ log: createLog({ level: 'silent' }) }).commands.run('ip', ['netns', 'del', outside]));
  await lab.router.commands.run('ip', ['link', 'set', name, 'netns', outside, 'up']);
  const { commands } = createNamespaceHost(createHost({ log: createLog({ level: 'silent' }) }), outside);
  await commands.run('ip', ['addr', 'add', '203.0.113.2/24', 'dev', name]);
  await commands.run('ip', ['route', 'add', '10.1.0.0/23', 'via', '203.0.113.1']);
  for (const address of ['203.0.113.1', '10.1.0.1']) {
    const words = ['+short', '+tries=1', '+time=1', `@${address}`, 'vm1.cs1.internal'];
    const { exitCode } = await commands.run('dig', words, { okCodes: [0, 9] });
    t.is(exitCode, 9, address);
  }
  const { stdout } = await lab.router.commands.run('ps', [
    '-o',
    'user=',
    '-p',
    await pidOf({ lab, service, document }),
  ]);
  t.is(stdout.trim(), 'dnsmasq');
});

test('a change is checked against what is applied, and one without effect has no plan', async (t) => {
  const { service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1, 2]) }));
  t.is(service.plan(document.change({})), null);
  t.is(service.plan(document.change({ settings: settingsOf() })), null);
  t.is(service.plan(document.change(guests([1]))), null);
  const paths = service.check(document.change({ hosts: { h3: hostOf(3, { address: hostOf(1).address }) } }));
  t.deepEqual(
    paths.map(({ path }) => path),
    ['dhcp.hosts.h3.address'],
  );
  const swapped = { h1: hostOf(1, { address: hostOf(2).address }), h2: hostOf(2, { address: hostOf(1).address }) };
  t.deepEqual(service.check(document.change({ hosts: { ...swapped, h3: null } })), []);
});

test('names of the guest domain stay here, and the rest goes to the forwarders, the first before the second', async (t) => {
  const { lab, service, document } = await bench(t);
  await lab.guest.commands.run('ip', ['addr', 'add', '10.1.0.250/23', 'dev', 'eth0']);
  await lab.guest.commands.run('ip', ['addr', 'add', '10.1.0.251/23', 'dev', 'eth0']);
  const pids: number[] = [];
  t.teardown(() => {
    for (const pid of pids) lab.guest.commands.signal(pid, 'SIGKILL');
  });
  for (const [last, answer] of [
    [250, '192.0.2.1'],
    [251, '192.0.2.2'],
  ] as const) {
    const words = [
      '--no-daemon',
      '--no-hosts',
      '--no-resolv',
      '--pid-file',
      '--bind-interfaces',
      '--conf-file=/dev/null',
    ];
    const own = [`--listen-address=10.1.0.${last}`, '--except-interface=lo', `--address=/#/${answer}`];
    const logPath = `${lab.directory}/upstream-${last}`;
    pids.push(await lab.guest.commands.startDaemon('dnsmasq', [...words, ...own], { logPath }));
  }
  const forwarders = ['10.1.0.250', '10.1.0.251'].map(parseIpv4Address);
  await push(service, document.change({ full: true, settings: settingsOf({}, { forwarders }), ...guests([1]) }));
  t.deepEqual(await lab.dig('www.example.org'), ['192.0.2.1']);
  t.deepEqual(await lab.dig('absent.cs1.internal'), []);
  t.deepEqual(await lab.dig('vm1.cs1.internal'), ['10.1.1.1']);
  await push(service, document.change({ settings: settingsOf({}, { forwarders: forwarders.toReversed() }) }));
  t.deepEqual(await lab.dig('www.example.net'), ['192.0.2.2']);
  t.like(await service.health(), { healthy: true });
});

test('a share without hosts starts when nothing else is to do, or with its first host', async (t) => {
  const each = await bench(t);
  const { lab, service, document } = each;
  const isStarted = () => lab.router.files.exists(`${lab.paths.run}/dnsmasq/dhcp-1/pid`);
  await push(service, document.change({ full: true, ...guests([2]) }));
  t.is((await lab.lease('02:00:00:00:00:02'))?.ip, '10.1.1.2');
  t.false(await isStarted());
  t.like(await service.health(), { healthy: true });
  const plan = service.plan(document.change(guests([1])));
  await plan?.stage();
  await plan?.apply();
  t.is((await lab.lease('02:00:00:00:00:01'))?.ip, '10.1.1.1');
  await plan?.revert();
  t.is(await lab.lease('02:00:00:00:00:01'), null);
  t.like(await service.health(), { healthy: true });

  await service.whenIdle?.();
  const pid = await pidOf(each);
  await service.whenIdle?.();
  t.like(await service.health(), { healthy: true });
  await push(service, document.change(guests([3])));
  t.is((await lab.lease('02:00:00:00:00:03'))?.ip, '10.1.1.3');
  t.is(await pidOf(each), pid);
});
