// Real packets through a routed network: guests keep their own addresses, and rules decide both ways.
import type { RoutedRule, RouterSettings } from '@isthmus/contract';
import test from 'ava';
import type { RouterService } from '../service.ts';
import { createNetfilterService } from './netfilter.ts';
import {
  address,
  applyChange,
  cidr,
  type Edit,
  FilterLab,
  ports,
  settings,
  TestDocument,
} from './netfilter-fixture.ts';

const a = address('10.1.1.10');
const outside = address('203.0.113.100');

function routed(egressDefault: 'allow' | 'deny' = 'allow'): RouterSettings {
  const { nat, firewall, ...rest } = settings({ egressDefault });
  const { sourceNatAddress, ...behind } = nat;
  return { ...rest, nat: behind, firewall: { ...firewall, isRouted: true } };
}

function rule(direction: RoutedRule['direction'], protocol: RoutedRule['protocol'], port?: number): RoutedRule {
  return {
    direction,
    protocol,
    sources: [],
    destinations: [],
    ...(port === undefined ? {} : { ports: ports(port) }),
  };
}

interface Bench {
  readonly lab: FilterLab;
  readonly service: RouterService;
  readonly document: TestDocument;
  readonly change: (edit: Edit, next?: RouterSettings) => Promise<void>;
}

async function withRouter(initial: RouterSettings, use: (bench: Bench) => Promise<void>): Promise<void> {
  const lab = new FilterLab();
  try {
    const host = await lab.open();
    await lab.in('out').commands.run('ip', ['route', 'add', '10.1.1.0/24', 'via', '203.0.113.2']);
    const paths = { state: lab.directory, run: lab.directory };
    const service = createNetfilterService({ host, paths, namePrefix: 'rtest' });
    const document = new TestDocument(initial);
    await applyChange(service, document.full());
    await use({ lab, service, document, change: (edit, next) => applyChange(service, document.edit(edit, next)) });
  } finally {
    await lab.close();
  }
}

test('a guest is seen outside by its own address, and reached there only as a rule admits', async (t) => {
  await withRouter(routed(), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80-81,udp/53');
    await lab.serve('out', 'out', 'tcp/80,udp/53');
    t.is(await lab.ask('a', 'tcp', outside, 80), 'out:80 sees 10.1.1.10');
    t.is(await lab.ask('out', 'tcp', a, 80), 'nothing', 'closed without a rule');
    t.false(await lab.pings('out', a));
    await change({
      'firewall.routed': {
        web: {
          ...rule('ingress', 'tcp', 80),
          sources: [cidr('203.0.113.100/32')],
          destinations: [cidr('10.1.1.10/32')],
        },
        ping: { ...rule('ingress', 'icmp'), icmp: { type: 8, code: -1 } },
      },
    });
    t.is(await lab.ask('out', 'tcp', a, 80), 'a:80 sees 203.0.113.100');
    t.is(await lab.ask('out', 'tcp', a, 81), 'nothing');
    t.true(await lab.pings('out', a));
    t.is(await lab.ask('out', 'udp', a, 53), 'nothing');
    t.false(await lab.pings('out', '10.1.1.1'), 'the router itself stays closed');
    t.is(await lab.ask('out', 'tcp', '203.0.113.2', 80), 'nothing');
    await change({
      'firewall.routed': { web: { ...rule('ingress', 'tcp', 80), destinations: [cidr('10.1.1.11/32')] } },
    });
    t.is(await lab.ask('out', 'tcp', a, 80), 'nothing', 'the rule is for another guest now');
    t.is(await lab.ask('b', 'udp', outside, 53), 'out:53 sees 10.1.1.11');
  });
});

test('with egress denied by default, what came in by a rule is answered (field: CloudStack 12962)', async (t) => {
  await withRouter(routed('deny'), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80');
    await lab.serve('out', 'out', 'tcp/80-81');
    await change({ 'firewall.routed': { web: rule('ingress', 'tcp', 80) } });
    t.is(await lab.ask('out', 'tcp', a, 80), 'a:80 sees 203.0.113.100');
    t.is(await lab.ask('a', 'tcp', outside, 80), 'nothing', 'what the guest begins is denied');
    await change({ 'firewall.routed': { out: rule('egress', 'tcp', 80) } });
    t.is(await lab.ask('a', 'tcp', outside, 80), 'out:80 sees 10.1.1.10');
    t.is(await lab.ask('a', 'tcp', outside, 81), 'nothing');
  });
});

test('a rule that goes ends its flows, and no others', async (t) => {
  await withRouter(routed('deny'), async ({ lab, change }) => {
    await lab.serve('a', 'a', 'tcp/80-81');
    await lab.serve('out', 'out', 'tcp/80');
    await change({
      'firewall.routed': {
        one: rule('ingress', 'tcp', 80),
        two: rule('ingress', 'tcp', 81),
        out: rule('egress', 'tcp', 80),
      },
    });
    const [one, two, out] = [
      await lab.hold('out', a, 80),
      await lab.hold('out', a, 81),
      await lab.hold('a', outside, 80),
    ];
    t.deepEqual([await one(), await two(), await out()], [true, true, true]);
    await change({ 'firewall.routed': { one: null } });
    t.deepEqual([await one(), await two(), await out()], [false, true, true]);
    await change({
      'firewall.routed': { out: { ...rule('egress', 'tcp', 80), destinations: [cidr('198.51.100.0/24')] } },
    });
    t.deepEqual([await two(), await out()], [true, false]);
    await change({ 'firewall.routed': { two: { ...rule('egress', 'tcp', 81) } } });
    t.false(await two(), 'a rule that turned round admits nothing inwards');
  });
});

test('a network becomes routed and goes back, and its streams outside live or end with it', async (t) => {
  await withRouter(settings(), async ({ lab, change, service, document }) => {
    await lab.serve('a', 'a', 'tcp/80');
    await lab.serve('out', 'out', 'tcp/80');
    t.is(await lab.ask('a', 'tcp', outside, 80), 'out:80 sees 203.0.113.2');
    await change({ 'firewall.routed': { web: rule('ingress', 'tcp', 80) } }, routed());
    t.is(await lab.ask('a', 'tcp', outside, 80), 'out:80 sees 10.1.1.10');
    t.is(await lab.ask('out', 'tcp', a, 80), 'a:80 sees 203.0.113.100');
    const held = await lab.hold('out', a, 80);
    t.true(await held());
    await applyChange(service, document.full());
    t.true(await held(), 'the whole applied again disturbs nothing');
    await change({ 'firewall.routed': { web: null } }, settings());
    t.false(await held());
    t.is(await lab.ask('out', 'tcp', a, 80), 'nothing');
    t.is(await lab.ask('a', 'tcp', outside, 80), 'out:80 sees 203.0.113.2');
  });
});

test('the agent names what does not belong in a routed network, and what belongs only there', async (t) => {
  const lab = new FilterLab();
  try {
    const service = createNetfilterService({
      host: await lab.openRouter(),
      paths: { state: lab.directory, run: lab.directory },
      namePrefix: 'rtest',
    });
    const faultsOf = (initial: RouterSettings, edit: Edit, full = false) => {
      const document = new TestDocument(initial);
      const change = document.edit(edit);
      return service.check(full ? document.full() : change).map(({ path }) => path);
    };
    const ingress = { publicAddress: address('203.0.113.2'), protocol: 'all' as const, sources: [] };
    const forward = {
      publicAddress: address('203.0.113.2'),
      protocol: 'tcp',
      publicPorts: ports(80),
      privateAddress: a,
      privatePorts: ports(80),
    } as const;
    for (const full of [false, true]) {
      t.deepEqual(faultsOf(routed(), { 'firewall.ingress': { i: ingress } }, full), ['firewall.ingress.i']);
      t.deepEqual(faultsOf(routed(), { 'nat.portForwards': { f: forward } }, full), ['nat.portForwards.f']);
      t.deepEqual(faultsOf(settings(), { 'firewall.routed': { r: rule('ingress', 'tcp', 80) } }, full), [
        'firewall.routed.r',
      ]);
      t.deepEqual(faultsOf(routed(), { 'firewall.routed': { r: rule('ingress', 'icmp', 80) } }, full), [
        'firewall.routed.r.ports',
      ]);
      t.deepEqual(faultsOf(routed(), { 'firewall.routed': { r: rule('egress', 'tcp', 80) } }, full), []);
    }
    const document = new TestDocument({ ...routed(), nat: settings().nat });
    t.deepEqual(
      service.check(document.full()).map(({ path }) => path),
      ['nat.sourceNatAddress'],
    );
  } finally {
    await lab.close();
  }
});
