// IPv6 on a router's NICs, in the order of a router's services: system, then routing.
import type { RouterDocument, RouterSettings } from '@isthmus/contract';
import { parseIpv6Address } from '@isthmus/net';
import test from 'ava';
import { documentOf, enforce, fullChange, type Lab, partChange, settings, withLab } from '../namespace-fixture.ts';
import { createSystemService } from '../system.ts';
import { createRoutingService } from './routing.ts';

const [guest, outside] = settings.routing.interfaces;
if (guest === undefined || outside === undefined) throw new Error('the fixture has no NICs');
const ipv6 = (text: string) => ({ address: parseIpv6Address(text), prefixLength: 64 });

const dualStack: RouterSettings['routing'] = {
  ...settings.routing,
  interfaces: [
    { ...guest, ipv6: ipv6('2001:db8:1::1') },
    { ...outside, ipv6: ipv6('2001:db8:f::2') },
  ],
  defaultGatewayIpv6: { address: parseIpv6Address('2001:db8:f::1'), interface: outside.name },
};

function services({ context }: Lab) {
  return { system: createSystemService(context), routing: createRoutingService(context) };
}

type Services = ReturnType<typeof services>;

/** As the agent's pipeline: each step of all services before the next step. */
async function apply({ system, routing }: Services, document: RouterDocument, full = false): Promise<void> {
  const change = full ? fullChange(document) : partChange(document, [], ['routing']);
  const plans = [system.plan(change), routing.plan(change)].filter((plan) => plan !== null);
  for (const plan of plans) await plan.stage();
  for (const plan of plans) await plan.apply();
  for (const plan of plans) await plan.verify();
  for (const plan of plans) await plan.commit();
}

async function ipv6State({ see }: Lab): Promise<string> {
  const keys = ['net.ipv6.conf.all.forwarding', 'net.ipv6.conf.eth0.disable_ipv6', 'net.ipv6.conf.eth0.accept_ra'];
  return [
    await see('ip', '-6', '-o', 'address', 'show', 'scope', 'global'),
    await see('ip', '-6', 'route', 'show', 'default'),
    await see('sysctl', ...keys),
  ].join('');
}

const off = 'net.ipv6.conf.all.forwarding = 0\nnet.ipv6.conf.eth0.disable_ipv6 = 1\nnet.ipv6.conf.eth0.accept_ra = ';

test('a dual-stack router has its addresses at once, a default route, and forwards', (t) =>
  withLab(async (lab) => {
    const both = services(lab);
    await apply(both, documentOf({}, { routing: dualStack }), true);
    const text = await ipv6State(lab);
    t.regex(text, /eth0 +inet6 2001:db8:1::1\/64 scope global (?!tentative)/);
    t.regex(text, /eth2 +inet6 2001:db8:f::2\/64 scope global (?!tentative)/);
    t.regex(text, /default via 2001:db8:f::1 dev eth2 metric 1024/);
    t.regex(text, /all\.forwarding = 1\n.*disable_ipv6 = 0\n.*accept_ra = 0/);
    t.regex(await lab.see('ip', '-6', 'address', 'show', 'dev', 'eth0'), /fe80::ff:fe00:1\/64 scope link/);
    for (const service of [both.system, both.routing]) t.true((await service.health()).healthy);
    await lab.see('ip', 'address', 'del', '2001:db8:1::1/64', 'dev', 'eth0');
    await lab.see('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0');
    t.false((await both.routing.health()).healthy);
    await both.routing.heal();
    t.is(await ipv6State(lab), text);
    const seen = lab.commands().length;
    const second = services(lab);
    await apply(second, documentOf({}, { routing: dualStack }), true);
    const wrote = lab
      .commands()
      .slice(seen)
      .filter((command) => command.startsWith('ip -batch'));
    t.deepEqual(wrote, [], 'a running router is adopted without a change');
    await both.routing.shutdown();
    t.regex(await ipv6State(lab), /all\.forwarding = 0/);
    await second.routing.release();
  }));

test('IPv6 comes to a network and goes again, and elsewhere it is off', (t) =>
  withLab(async (lab) => {
    const both = services(lab);
    await apply(both, documentOf({}), true);
    t.true((await ipv6State(lab)).startsWith(off));
    await apply(both, documentOf({}, { routing: dualStack }));
    t.regex(await ipv6State(lab), /2001:db8:1::1\/64[\s\S]*all\.forwarding = 1/);
    const { defaultGatewayIpv6, ...rest } = dualStack;
    const inside = { ...rest, interfaces: [{ ...guest, ipv6: ipv6('2001:db8:2::1') }, outside] };
    await apply(both, documentOf({}, { routing: inside }));
    const text = await ipv6State(lab);
    t.regex(text, /2001:db8:2::1\/64/);
    t.notRegex(text, /2001:db8:1::1|2001:db8:f::2|default via/);
    t.is(await lab.see('sysctl', '-n', 'net.ipv6.conf.eth2.disable_ipv6'), '1\n');
    await apply(both, documentOf({}));
    t.true((await ipv6State(lab)).startsWith(off));
    await apply(both, documentOf({}, { routing: dualStack }), true);
    await apply(both, documentOf({}), true);
    t.true((await ipv6State(lab)).startsWith(off));
    await both.routing.release();
  }));

test('a change that is taken back leaves what was', (t) =>
  withLab(async (lab) => {
    const both = services(lab);
    await apply(both, documentOf({}, { routing: dualStack }), true);
    const before = await ipv6State(lab);
    const change = partChange(documentOf({}), [], ['routing']);
    const plans = [both.system.plan(change), both.routing.plan(change)].filter((plan) => plan !== null);
    for (const plan of plans) await plan.stage();
    for (const plan of plans) await plan.apply();
    t.notRegex(await ipv6State(lab), /2001:db8/);
    for (const plan of plans.toReversed()) await plan.revert();
    t.is(await ipv6State(lab), before);
    await both.routing.release();
  }));

test('a gateway out of reach, or on a NIC without IPv6, is named', (t) =>
  withLab(async (lab) => {
    const { routing } = services(lab);
    const faults = (changed: Partial<RouterSettings['routing']>) =>
      routing.check(fullChange(documentOf({}, { routing: { ...dualStack, ...changed } }))).map(({ path }) => path);
    t.deepEqual(faults({}), []);
    const gateway = (address: string, name = outside.name) => ({
      defaultGatewayIpv6: { address: parseIpv6Address(address), interface: name },
    });
    t.deepEqual(faults(gateway('fe80::1')), []);
    t.deepEqual(faults(gateway('2001:db8:e::1')), ['routing.defaultGatewayIpv6.address']);
    t.deepEqual(faults(gateway('2001:db8:f::2')), ['routing.defaultGatewayIpv6.address']);
    t.deepEqual(faults({ ...gateway('2001:db8:f::1'), interfaces: [guest, outside] }), [
      'routing.defaultGatewayIpv6.interface',
    ]);
    const twice = [
      { ...guest, ipv6: ipv6('2001:db8:f::2') },
      { ...outside, ipv6: ipv6('2001:db8:f::2') },
    ];
    t.deepEqual(faults({ interfaces: twice }), ['routing.interfaces.1.ipv6.address']);
    await enforce(routing, fullChange(documentOf({})));
    await routing.release();
  }));
