// Real packets of IPv6 through the packet filter, each test named by the sentence that it proves.
import type { Ipv6Rule, RouterSettings } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { parseIpv6Address, parseIpv6Cidr, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import type { RouterService } from '../service.ts';
import { createIpv6NetfilterService } from './ipv6-service.ts';
import {
  address,
  applyChange,
  type Edit,
  FilterLab,
  failing,
  ports,
  settings,
  TestDocument,
} from './netfilter-fixture.ts';

const guestNetwork = parseIpv6Cidr('2001:db8:1::/64');
const router = '2001:db8:1::1';
const a = '2001:db8:1::10';
const b = '2001:db8:1::11';
const outside = '2001:db8:f::100';

function dualStack(egressDefault: 'allow' | 'deny' = 'allow'): RouterSettings {
  const base = settings({ egressDefault });
  const { guestInterface: name } = base.firewall;
  const guest = {
    name,
    role: 'guest' as const,
    macAddress: parseMacAddress('02:00:00:00:00:01'),
    mtu: 1500,
    address: address('10.1.1.1'),
    prefixLength: 24,
    ipv6: { address: parseIpv6Address(router), prefixLength: 64 },
  };
  return {
    ...base,
    routing: { interfaces: [guest] },
    firewall: { ...base.firewall, guestNetworkIpv6: guestNetwork },
  };
}

function rule(direction: Ipv6Rule['direction'], protocol: Ipv6Rule['protocol'], port?: number): Ipv6Rule {
  const fields = { direction, protocol, sources: [], destinations: [] };
  return port === undefined ? fields : { ...fields, ports: ports(port) };
}

interface Bench {
  readonly lab: FilterLab;
  readonly host: Host;
  readonly service: RouterService;
  readonly document: TestDocument;
  readonly commands: ReturnType<typeof failing>;
  readonly ran: string[];
  readonly change: (edit: Edit, next?: RouterSettings) => Promise<void>;
}

/** Gives the laboratory's namespaces addresses of IPv6, and the router forwarding. */
async function addIpv6(lab: FilterLab): Promise<void> {
  const ip = (part: string, words: string) => lab.in(part).commands.run('ip', ['-6', ...words.split(' ')]);
  const rows: readonly (readonly [part: string, address: string, nic: string])[] = [
    ['router', `${router}/64`, 'eth0'],
    ['router', '2001:db8:f::2/64', 'eth2'],
    ['a', `${a}/64`, 'eth0'],
    ['b', `${b}/64`, 'eth0'],
    ['out', `${outside}/64`, 'eth0'],
  ];
  await lab.in('router').commands.run('sysctl', ['-qw', 'net.ipv6.conf.all.forwarding=1']);
  for (const [part, value, nic] of rows) await ip(part, `addr add ${value} dev ${nic} nodad`);
  for (const part of ['a', 'b']) await ip(part, `route add default via ${router}`);
  await ip('out', `route add ${guestNetwork} via 2001:db8:f::2`);
  await ip('router', `route add default via ${outside}`);
  // Links that have just come up take a second or two before neighbours are found.
  for (const [part, to] of [
    ['a', outside],
    ['b', outside],
    ['out', a],
  ] as const) {
    let tries = 30;
    while (!(await lab.pings(part, to))) {
      tries -= 1;
      if (tries === 0) throw new Error(`${part} does not reach ${to}`);
    }
  }
  await lab.in('router').commands.run('conntrack', ['-F']);
}

async function withRouter(initial: RouterSettings, use: (bench: Bench) => Promise<void>): Promise<void> {
  const lab = new FilterLab();
  try {
    const host = await lab.open();
    await addIpv6(lab);
    const commands = failing(host.commands);
    const ran: string[] = [];
    const counting: typeof commands = {
      ...commands,
      run: (file, args, options) => {
        ran.push(file);
        return commands.run(file, args, options);
      },
    };
    const paths = { state: lab.directory, run: lab.directory };
    const service = createIpv6NetfilterService({ host: { ...host, commands: counting }, paths, namePrefix: 'stest' });
    const document = new TestDocument(initial);
    await applyChange(service, document.full());
    const change: Bench['change'] = (edit, next) => applyChange(service, document.edit(edit, next));
    await use({ lab, host, service, document, commands, ran, change });
  } finally {
    await lab.close();
  }
}

test('a guest reaches outside by its own address, and is reached there only as a rule admits', async (t) => {
  await withRouter(dualStack(), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80-81,udp/53');
    await lab.serve('out', 'out', 'tcp/80');
    t.is(await lab.ask('a', 'tcp', outside, 80), `out:80 sees ${a}`);
    t.true(await lab.pings('a', outside));
    t.is(await lab.ask('out', 'tcp', a, 80), 'nothing', 'closed without a rule');
    t.false(await lab.pings('out', a));
    const hosts = [parseIpv6Cidr(`${outside}/128`), parseIpv6Cidr('2001:db8:e::/48')];
    await change({
      'firewall.ipv6': {
        web: { ...rule('ingress', 'tcp', 80), sources: hosts, destinations: [parseIpv6Cidr(`${a}/128`)] },
        ping: { ...rule('ingress', 'icmp'), icmp: { type: 128, code: -1 } },
        dns: rule('ingress', 'udp', 53),
      },
    });
    t.is(await lab.ask('out', 'tcp', a, 80), `a:80 sees ${outside}`, 'by a list of sources');
    t.is(await lab.ask('out', 'tcp', a, 81), 'nothing');
    t.is(await lab.ask('out', 'udp', a, 53), `a:53 sees ${outside}`);
    t.true(await lab.pings('out', a));
    t.true(await lab.pings('out', b));
    await change({ 'firewall.ipv6': { web: { ...rule('ingress', 'tcp', 80), sources: hosts.slice(1) } } });
    t.is(await lab.ask('out', 'tcp', a, 80), 'nothing', 'the rule is for others now');
  });
});

test('egress follows its default and rules, and what came in by a rule is answered', async (t) => {
  await withRouter(dualStack('deny'), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80');
    await lab.serve('out', 'out', 'tcp/80-81');
    t.is(await lab.ask('a', 'tcp', outside, 80), 'nothing');
    await change({ 'firewall.ipv6': { out: rule('egress', 'tcp', 80), in: rule('ingress', 'tcp', 80) } });
    t.is(await lab.ask('a', 'tcp', outside, 80), `out:80 sees ${a}`);
    t.is(await lab.ask('a', 'tcp', outside, 81), 'nothing');
    t.is(await lab.ask('out', 'tcp', a, 80), `a:80 sees ${outside}`);
    await change({}, dualStack('allow'));
    t.is(await lab.ask('a', 'tcp', outside, 80), 'nothing', 'with allow the rules deny');
    t.is(await lab.ask('a', 'tcp', outside, 81), `out:81 sees ${a}`);
  });
});

test('the router gives guests DNS and an echo, and the public side nothing but neighbour discovery', async (t) => {
  await withRouter(dualStack(), async ({ lab }) => {
    await lab.serve('router', 'router', 'tcp/53,tcp/80,udp/53,udp/547');
    t.is(await lab.ask('a', 'udp', router, 53), `router:53 sees ${a}`);
    t.is(await lab.ask('a', 'tcp', router, 53), `router:53 sees ${a}`);
    t.true(await lab.pings('a', router));
    t.is(await lab.ask('a', 'tcp', router, 80), 'nothing');
    t.is(await lab.ask('a', 'udp', router, 547), 'nothing', 'DHCPv6 is asked from link-local addresses');
    t.is(await lab.ask('a', 'udp', '2001:db8:f::2', 53), 'nothing', 'the public address is not a guest’s');
    for (const own of [router, '2001:db8:f::2']) {
      t.is(await lab.ask('out', 'udp', own, 53), 'nothing');
      t.is(await lab.ask('out', 'tcp', own, 80), 'nothing');
      t.false(await lab.pings('out', own));
    }
    const { stdout } = await lab.in('out').commands.run('ip', ['-6', 'neigh', 'show', '2001:db8:f::2']);
    t.regex(stdout, /lladdr .* (REACHABLE|STALE|DELAY|PROBE)/, 'though neighbours find it');
  });
});

test('forged sources end before connection tracking', async (t) => {
  await withRouter(dualStack(), async ({ lab, change, host }) => {
    await lab.serve('out', 'out', 'udp/53');
    await change({ 'firewall.ipv6': { all: rule('ingress', 'all') } });
    await lab.in('a').commands.run('ip', ['-6', 'addr', 'add', '2001:db8:9::9/128', 'dev', 'eth0', 'nodad']);
    await lab.in('out').commands.run('ip', ['-6', 'addr', 'add', '2001:db8:1::66/128', 'dev', 'eth0', 'nodad']);
    const forged = async (part: string, source: string, to: string) => {
      await lab.in(part).commands.run('ping', ['-6', '-c1', '-W1', '-I', source, to], { okCodes: [0, 1] });
      const flows = await host.commands.run('conntrack', ['-L', '-f', 'ipv6', '-s', source], { okCodes: [0, 1] });
      return flows.stdout;
    };
    t.is(await forged('a', '2001:db8:9::9', outside), '', 'a guest with an address outside the network');
    t.is(await forged('out', '2001:db8:1::66', a), '', 'an address of the network from outside');
    t.regex(await forged('a', a, outside), /src=2001:db8:1::10/, 'its own is tracked');
  });
});

test('a rule that goes ends its flows, and no others; one rule costs one load', async (t) => {
  await withRouter(dualStack('deny'), async ({ lab, change, ran }) => {
    await lab.serve('a', 'a', 'tcp/80-81');
    await lab.serve('out', 'out', 'tcp/80');
    await change({
      'firewall.ipv6': {
        one: rule('ingress', 'tcp', 80),
        two: rule('ingress', 'tcp', 81),
        out: rule('egress', 'tcp', 80),
      },
    });
    const held = [await lab.hold('out', a, 80), await lab.hold('out', a, 81), await lab.hold('a', outside, 80)];
    const live = async () => Promise.all(held.map((each) => each()));
    t.deepEqual(await live(), [true, true, true]);
    ran.length = 0;
    await change({ 'firewall.ipv6': { one: null } });
    t.deepEqual(ran, ['ip6tables-restore', 'conntrack', 'conntrack']);
    t.deepEqual(await live(), [false, true, true]);
    await change({ 'firewall.ipv6': { out: { ...rule('egress', 'tcp', 80), sources: [parseIpv6Cidr(`${b}/128`)] } } });
    t.deepEqual(await live(), [false, true, false]);
    ran.length = 0;
    await change({ 'firewall.ipv6': { more: rule('ingress', 'tcp', 443) } });
    t.deepEqual(ran, ['ip6tables-restore']);
    await change({}, settings({ egressDefault: 'deny' }));
    t.deepEqual(await live(), [false, false, false], 'with the network’s IPv6 all goes');
  });
});

test('what a path needs passes: a packet too big for it is named to the guest (RFC 4890)', async (t) => {
  await withRouter(dualStack(), async ({ lab }) => {
    await lab.in('router').commands.run('ip', ['link', 'set', 'eth2', 'mtu', '1280']);
    const ping = ['-6', '-c2', '-W1', '-i', '0.2', '-M', 'do', '-s', '1400', outside];
    const { stdout, stderr } = await lab.in('a').commands.run('ping', ping, { okCodes: [0, 1] });
    t.regex(stdout + stderr, /[Tt]oo (big|long).*1280/);
  });
});

test('what somebody else changes is found and mended, and a change that fails leaves what was', async (t) => {
  await withRouter(dualStack('deny'), async ({ lab, host, service, commands, change }) => {
    await lab.serve('a', 'a', 'tcp/80-81');
    await change({ 'firewall.ipv6': { web: rule('ingress', 'tcp', 80) } });
    const held = await lab.hold('out', a, 80);
    await host.commands.run('ip6tables', ['-F', 'FORWARD']);
    const looks = [await service.health(), await service.health(), await service.health()];
    t.is(looks.filter(({ healthy }) => healthy).length < 3, true);
    await service.heal();
    t.true((await service.health()).healthy);
    // TCP asks again after pauses that grew while its packets were dropped.
    t.true(await held(30_000));
    const lists = [parseIpv6Cidr('2001:db8:f::/64'), parseIpv6Cidr('2001:db8:e::/64')];
    commands.failWhen((file) => file === 'ip6tables-restore');
    await t.throwsAsync(() => change({ 'firewall.ipv6': { more: { ...rule('ingress', 'tcp', 81), sources: lists } } }));
    t.is(await lab.ask('out', 'tcp', a, 81), 'nothing');
    t.is(await lab.ask('out', 'tcp', a, 80), `a:80 sees ${outside}`);
    t.is((await host.commands.run('ipset', ['list', '-n'])).stdout, '', 'no set is left');
  });
});

test('the whole applied again disturbs nothing, and IPv6 comes and goes closed', async (t) => {
  await withRouter(settings(), async ({ lab, change, service, document, ran }) => {
    t.deepEqual(ran, ['ip6tables-restore'], 'a network without IPv6 costs one process');
    await lab.serve('a', 'a', 'tcp/80');
    t.is(await lab.ask('out', 'tcp', a, 80), 'nothing');
    t.is(service.plan(document.edit({}, settings({ egressDefault: 'deny' }))), null, 'and later none');
    await change({ 'firewall.ipv6': { web: rule('ingress', 'tcp', 80) } }, dualStack());
    t.is(await lab.ask('out', 'tcp', a, 80), `a:80 sees ${outside}`);
    const held = await lab.hold('out', a, 80);
    await applyChange(service, document.full());
    t.true(await held());
    await change({ 'firewall.ipv6': { web: null } }, settings());
    t.false(await held());
    t.is(await lab.ask('out', 'tcp', a, 80), 'nothing');
  });
});

test('the agent names rules without a network, and a network without an address', (t) => {
  const service = createIpv6NetfilterService({
    host: new FilterLab().host,
    paths: { state: '', run: '' },
    namePrefix: 'x',
  });
  const faults = (initial: RouterSettings, edit: Edit) => {
    const document = new TestDocument(initial);
    const paths = service.check(document.edit(edit)).map(({ path }) => path);
    t.deepEqual(
      service.check(document.full()).map(({ path }) => path),
      paths,
    );
    return paths;
  };
  t.deepEqual(faults(settings(), { 'firewall.ipv6': { r: rule('ingress', 'tcp', 80) } }), ['firewall.ipv6.r']);
  t.deepEqual(faults(dualStack(), { 'firewall.ipv6': { r: rule('ingress', 'icmp', 80) } }), ['firewall.ipv6.r.ports']);
  t.deepEqual(faults(dualStack(), { 'firewall.ipv6': { r: rule('egress', 'tcp', 80) } }), []);
  const bare = new TestDocument({ ...dualStack(), routing: { interfaces: [] } });
  t.deepEqual(
    service.check(bare.full()).map(({ path }) => path),
    ['firewall.guestNetworkIpv6'],
  );
});
