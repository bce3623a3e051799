// Real packets through the packet filter, each test named by the sentence that it proves.
import type { IngressRule } from '@isthmus/contract';
import test from 'ava';
import type { RouterService } from '../service.ts';
import { createNetfilterService } from './netfilter.ts';
import {
  address,
  applyChange,
  cidr,
  type Edit,
  FilterLab,
  failing,
  ports,
  settings,
  TestDocument,
} from './netfilter-fixture.ts';

const sourceNat = address('203.0.113.2');
const second = address('203.0.113.3');
const a = address('10.1.1.10');
const b = address('10.1.1.11');
const anywhere = [cidr('0.0.0.0/0')];

interface Bench {
  readonly lab: FilterLab;
  readonly service: RouterService;
  readonly document: TestDocument;
  readonly commands: ReturnType<typeof failing>;
  readonly change: (edit: Edit, next?: ReturnType<typeof settings>) => Promise<void>;
}

async function withRouter(initial: ReturnType<typeof settings>, use: (bench: Bench) => Promise<void>): Promise<void> {
  const lab = new FilterLab();
  try {
    const host = await lab.open();
    const commands = failing(host.commands);
    const paths = { state: lab.directory, run: lab.directory };
    const service = createNetfilterService({ host: { ...host, commands }, paths, namePrefix: 'ptest' });
    const document = new TestDocument(initial);
    await applyChange(service, document.full());
    const change: Bench['change'] = (edit, next) => applyChange(service, document.edit(edit, next));
    await use({ lab, service, document, commands, change });
  } finally {
    await lab.close();
  }
}

test('the internet reaches a guest only through a forwarded port that an ingress rule opens', async (t) => {
  await withRouter(settings(), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80-85,udp/53');
    await lab.serve('b', 'b', 'tcp/80');
    t.is(await lab.ask('out', 'tcp', sourceNat, 8080), 'nothing');
    await change({
      'nat.portForwards': {
        one: {
          publicAddress: sourceNat,
          protocol: 'tcp',
          publicPorts: ports(8080),
          privateAddress: a,
          privatePorts: ports(80),
        },
        range: {
          publicAddress: second,
          protocol: 'tcp',
          publicPorts: ports(2080, 2085),
          privateAddress: a,
          privatePorts: ports(80, 85),
        },
        dns: {
          publicAddress: second,
          protocol: 'udp',
          publicPorts: ports(53),
          privateAddress: a,
          privatePorts: ports(53),
        },
      },
    });
    t.is(await lab.ask('out', 'tcp', sourceNat, 8080), 'nothing', 'closed without an ingress rule');
    await change({
      'firewall.ingress': {
        one: { publicAddress: sourceNat, protocol: 'tcp', ports: ports(8080), sources: [cidr('203.0.113.100/32')] },
        range: {
          publicAddress: second,
          protocol: 'tcp',
          ports: ports(2000, 2083),
          sources: [cidr('203.0.113.100/32'), cidr('192.0.2.0/24')],
        },
        dns: { publicAddress: second, protocol: 'udp', sources: [] },
      },
    });
    t.is(await lab.ask('out', 'tcp', sourceNat, 8080), 'a:80 sees 203.0.113.100');
    t.is(await lab.ask('out', 'tcp', second, 2083), 'a:83 sees 203.0.113.100', 'the offset in a range is kept');
    t.is(await lab.ask('out', 'tcp', second, 2084), 'nothing', 'the ingress rule ends at 2083');
    t.is(await lab.ask('out', 'udp', second, 53), 'a:53 sees 203.0.113.100');
    await change({
      'firewall.ingress': {
        one: {
          publicAddress: sourceNat,
          protocol: 'tcp',
          ports: ports(8080),
          sources: [cidr('203.0.113.101/32'), cidr('192.0.2.0/24')],
        },
      },
    });
    t.is(await lab.ask('out', 'tcp', sourceNat, 8080), 'nothing', 'the rule admits another address now');
    t.false(await lab.pings('out', sourceNat));
    await change({
      'firewall.ingress': {
        ping: { publicAddress: sourceNat, protocol: 'icmp', icmp: { type: 8, code: -1 }, sources: anywhere },
      },
    });
    t.true(await lab.pings('out', sourceNat), 'a public address answers an echo that a rule admits');
    t.is(await lab.ask('out', 'udp', sourceNat, 53), 'nothing', 'and no DNS');
  });
});

test('a guest leaves by source NAT as far as the egress rules let it, under either default', async (t) => {
  await withRouter(settings({ egressDefault: 'deny' }), async ({ lab, change }) => {
    await lab.serve('out', 'out', 'tcp/80-81,udp/53');
    t.is(await lab.ask('a', 'tcp', '203.0.113.100', 80), 'nothing');
    await change({ 'firewall.egress': { web: { protocol: 'tcp', ports: ports(80), sources: [], destinations: [] } } });
    t.is(await lab.ask('a', 'tcp', '203.0.113.100', 80), 'out:80 sees 203.0.113.2');
    t.is(await lab.ask('a', 'tcp', '203.0.113.100', 81), 'nothing');
    await change({
      'firewall.egress': { all: { protocol: 'udp', sources: [cidr('10.1.1.10/32')], destinations: anywhere } },
    });
    t.is(await lab.ask('a', 'udp', '203.0.113.100', 53), 'out:53 sees 203.0.113.2');
    t.is(await lab.ask('b', 'udp', '203.0.113.100', 53), 'nothing', 'the rule is for a alone');
    await change({}, settings({ egressDefault: 'allow' }));
    t.is(await lab.ask('a', 'tcp', '203.0.113.100', 80), 'nothing', 'with allow the rules deny');
    t.is(await lab.ask('a', 'tcp', '203.0.113.100', 81), 'out:81 sees 203.0.113.2');
    t.true(await lab.pings('b', '198.51.100.1'));
  });
});

test('a guest with static NAT is reached at its public address and leaves as it', async (t) => {
  await withRouter(settings(), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80,udp/53');
    await lab.serve('out', 'out', 'tcp/80');
    await change({ 'nat.staticNats': { one: { publicAddress: second, privateAddress: a } } });
    t.is(await lab.ask('out', 'tcp', second, 80), 'nothing');
    t.is(await lab.ask('a', 'tcp', '203.0.113.100', 80), 'out:80 sees 203.0.113.3');
    t.is(await lab.ask('b', 'tcp', '203.0.113.100', 80), 'out:80 sees 203.0.113.2');
    await change({ 'firewall.ingress': { all: { publicAddress: second, protocol: 'all', sources: [] } } });
    t.is(await lab.ask('out', 'tcp', second, 80), 'a:80 sees 203.0.113.100');
    t.is(await lab.ask('out', 'udp', second, 53), 'a:53 sees 203.0.113.100');
    await change({ 'nat.staticNats': { one: null }, 'firewall.ingress': { all: null } });
    t.is(await lab.ask('out', 'tcp', second, 80), 'nothing');
    t.is(await lab.ask('a', 'tcp', '203.0.113.100', 80), 'out:80 sees 203.0.113.2');
  });
});

test("a guest reaches its own network's public addresses as the ingress rules say, and is seen as the router", async (t) => {
  await withRouter(settings({ egressDefault: 'deny' }), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80');
    await change({
      'nat.portForwards': {
        one: {
          publicAddress: sourceNat,
          protocol: 'tcp',
          publicPorts: ports(8080),
          privateAddress: a,
          privatePorts: ports(80),
        },
      },
      'nat.staticNats': { one: { publicAddress: second, privateAddress: a } },
    });
    t.is(await lab.ask('b', 'tcp', sourceNat, 8080), 'nothing');
    await change({
      'firewall.ingress': {
        one: { publicAddress: sourceNat, protocol: 'tcp', ports: ports(8080), sources: anywhere },
        two: { publicAddress: second, protocol: 'tcp', ports: ports(80), sources: [cidr('10.1.1.11/32')] },
      },
    });
    t.is(await lab.ask('b', 'tcp', sourceNat, 8080), 'a:80 sees 10.1.1.1');
    t.is(await lab.ask('a', 'tcp', sourceNat, 8080), 'a:80 sees 10.1.1.1', 'a guest reaches itself');
    t.is(await lab.ask('b', 'tcp', second, 80), 'a:80 sees 10.1.1.1');
    t.is(await lab.ask('a', 'tcp', second, 80), 'nothing', 'this rule is for b alone');
  });
});

test('a revoked rule ends the flows that it alone admitted, and no other', async (t) => {
  await withRouter(settings(), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80-81');
    await lab.serve('out', 'out', 'tcp/80');
    const forward = (port: number) =>
      ({
        publicAddress: sourceNat,
        protocol: 'tcp',
        publicPorts: ports(port),
        privateAddress: a,
        privatePorts: ports(80),
      }) as const;
    const open = (first: number, last = first) =>
      ({ publicAddress: sourceNat, protocol: 'tcp', ports: ports(first, last), sources: anywhere }) as const;
    await change({
      'nat.portForwards': { one: forward(8080), two: forward(8081), three: forward(8082) },
      'firewall.ingress': { one: open(8080), two: open(8081), both: open(8081, 8082) },
    });
    const [one, two, three] = [
      await lab.hold('out', sourceNat, 8080),
      await lab.hold('out', sourceNat, 8081),
      await lab.hold('out', sourceNat, 8082),
    ];
    const leaving = await lab.hold('a', '203.0.113.100', 80);
    await change({ 'firewall.ingress': { one: null, two: null } });
    t.deepEqual([await one(), await two(), await three(), await leaving()], [false, true, true, true]);
    await change({ 'nat.portForwards': { two: null } });
    t.deepEqual([await two(), await three(), await leaving()], [false, true, true]);
    await change({ 'firewall.egress': { no: { protocol: 'tcp', ports: ports(80), sources: [], destinations: [] } } });
    t.deepEqual([await three(), await leaving()], [true, false]);
    await change({ 'firewall.ingress': { both: { ...open(8081, 8082), sources: [cidr('203.0.113.101/32')] } } });
    t.false(await three(), 'a narrowed rule ends what it no longer admits');
  });
});

test('static NAT that is taken away ends the flows of both ways', async (t) => {
  await withRouter(settings(), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80');
    await lab.serve('out', 'out', 'tcp/80');
    const other = await lab.hold('a', '203.0.113.100', 80);
    await change({
      'nat.staticNats': { one: { publicAddress: second, privateAddress: a } },
      'firewall.ingress': { all: { publicAddress: second, protocol: 'all', sources: [] } },
    });
    const into = await lab.hold('out', second, 80);
    const out = await lab.hold('a', '203.0.113.100', 80);
    await change({ 'nat.staticNats': { one: null } });
    t.deepEqual([await into(), await out(), await other()], [false, false, true]);
  });
});

test('a change that fails in the middle leaves the old rules serving', async (t) => {
  await withRouter(settings(), async ({ lab, service, document, commands, change }) => {
    await lab.serve('a', 'a', 'tcp/80');
    await lab.serve('b', 'b', 'tcp/80');
    const forward = {
      publicAddress: sourceNat,
      protocol: 'tcp',
      publicPorts: ports(8080),
      privateAddress: a,
      privatePorts: ports(80),
    } as const;
    const open: IngressRule = {
      publicAddress: sourceNat,
      protocol: 'tcp',
      ports: ports(8080),
      sources: [cidr('203.0.113.0/24'), cidr('10.1.1.0/24')],
    };
    await change({ 'nat.portForwards': { one: forward }, 'firewall.ingress': { one: open } });
    const held = await lab.hold('out', sourceNat, 8080);
    const edit: Edit = {
      'nat.portForwards': { one: { ...forward, privateAddress: b }, two: { ...forward, publicPorts: ports(8081) } },
      'firewall.ingress': { one: { ...open, sources: [cidr('192.0.2.0/24'), cidr('10.1.1.0/24')] } },
    };
    const before = (await lab.in('router').commands.run('iptables-save', [])).stdout.replace(/\[\d+:\d+\]|^#.*$/gm, '');
    for (const failure of ['ipset', 'iptables-restore'] as const) {
      const failed = new TestDocument();
      failed.edit({ 'nat.portForwards': { one: forward }, 'firewall.ingress': { one: open } });
      commands.failWhen((file) => file === failure);
      await t.throwsAsync(applyChange(service, failed.edit(edit)), { message: `${failure} was made to fail` });
      t.is(await lab.ask('out', 'tcp', sourceNat, 8080), 'a:80 sees 203.0.113.100');
      t.true(await held());
    }
    const plan = service.plan(new TestDocument(settings()).edit({}));
    t.is(plan, null, 'nothing changed, nothing to do');
    const late = new TestDocument();
    late.edit({ 'nat.portForwards': { one: forward }, 'firewall.ingress': { one: open } });
    const work = service.plan(late.edit(edit));
    await work?.stage();
    await work?.apply();
    t.is(await lab.ask('out', 'tcp', sourceNat, 8080), 'nothing');
    await work?.revert();
    t.is(await lab.ask('out', 'tcp', sourceNat, 8080), 'a:80 sees 203.0.113.100');
    const after = (await lab.in('router').commands.run('iptables-save', [])).stdout.replace(/\[\d+:\d+\]|^#.*$/gm, '');
    t.is(after, before);
    t.true(await held());
    void document;
  });
});

test('forged sources are dropped on both sides', async (t) => {
  await withRouter(settings(), async ({ lab, change }) => {
    await lab.serve('out', 'out', 'udp/53');
    await lab.serve('a', 'a', 'udp/53');
    await change({
      'nat.staticNats': { one: { publicAddress: second, privateAddress: a } },
      'firewall.ingress': { all: { publicAddress: second, protocol: 'all', sources: [] } },
    });
    await lab.in('b').commands.run('ip', ['addr', 'add', '10.9.9.9/32', 'dev', 'lo']);
    await lab.in('router').commands.run('ip', ['route', 'add', '10.9.9.9/32', 'dev', 'eth0', 'via', '10.1.1.11']);
    await lab.in('out').commands.run('ip', ['addr', 'add', '10.1.1.77/32', 'dev', 'lo']);
    await lab
      .in('router')
      .commands.run('sysctl', [
        '-qw',
        'net.ipv4.conf.all.rp_filter=0',
        'net.ipv4.conf.eth2.rp_filter=0',
        'net.ipv4.conf.eth0.rp_filter=0',
      ]);
    const received = async (part: string, from: string, to: string) => {
      await lab.in(part).commands.run('ping', ['-c1', '-W1', '-I', from, to], { okCodes: [0, 1] });
      const { stdout } = await lab
        .in('router')
        .commands.run('conntrack', ['-L', '-p', 'icmp', '--orig-src', from], { okCodes: [0, 1] });
      return stdout !== '';
    };
    t.false(await received('b', '10.9.9.9', '203.0.113.100'));
    t.false(await received('out', '10.1.1.77', second));
    t.true(await received('b', '10.1.1.11', '203.0.113.100'));
  });
});
