// A routed network, at one router: guests keep their own addresses, and rules decide both ways.
import { createAgent, RefusedError } from '@isthmus/agent';
import type { RoutedRule, RouterSettings } from '@isthmus/contract';
import { createRouterServices } from '@isthmus/router';
import test from 'ava';
import { httpGet, internet, labFor, pings, seenAs, waitFor } from '../lab/index.ts';
import {
  DocumentWriter,
  guestAddress,
  guestHost,
  openIngress,
  publicAddress,
  settings,
} from '../lab/router-document.ts';
import { lease, wire } from '../lab/wired-router.ts';

function routed(egressDefault: 'allow' | 'deny'): Partial<RouterSettings> {
  const { sourceNatAddress, ...nat } = settings.nat;
  return { nat, firewall: { ...settings.firewall, egressDefault, isRouted: true } };
}

function rule(direction: RoutedRule['direction'], port: number): RoutedRule {
  return { direction, protocol: 'tcp', ports: { first: port, last: port }, sources: [], destinations: [] };
}

test('with egress denied by default the internet still has its answers from a guest (field: CloudStack 12962)', async (t) => {
  const lab = await labFor(t, { hostAgent: false, logLevel: 'silent' });
  const wires = await wire(lab);
  await lab.internet.commands.run('ip', ['route', 'add', '10.1.0.0/16', 'via', publicAddress]);
  const services = createRouterServices({ host: wires.router, paths: wires.paths, namePrefix: lab.installation });
  const agent = await createAgent({ host: wires.router, paths: wires.paths, services });
  t.teardown(() => agent.release());
  await agent.boot();
  const writer = new DocumentWriter();
  await agent.push(writer.full({ 'dhcp.hosts': { guest: guestHost } }));
  await waitFor('a lease', () => lease(lab, wires.guest).catch(() => null));
  await lab.startEcho(wires.guest, guestAddress);
  const outside = `http://${internet.server}/`;
  const inside = `http://${guestAddress}/`;
  const closed = { timeoutMs: 700 };
  t.is(await seenAs(wires.guest, outside), publicAddress, 'behind NAT at first');
  await agent.push(writer.add({}, routed('allow')));
  t.is(await seenAs(wires.guest, outside), guestAddress, 'and then by its own address');
  t.is(await httpGet(lab.internet, inside, closed), null, 'closed without a rule');
  t.false(await pings(lab.internet, guestAddress));
  await agent.push(
    writer.add({ 'firewall.routed': { web: rule('ingress', 80), echo: rule('ingress', 7) } }, routed('deny')),
  );
  t.is(await seenAs(lab.internet, inside), internet.gateway);
  t.is(await httpGet(wires.guest, outside, closed), null, 'the guest itself begins nothing');
  for (const own of [publicAddress, '10.1.1.1']) {
    t.false(await pings(lab.internet, own), `the router is closed at ${own}`);
    t.is(await httpGet(lab.internet, `http://${own}/`, closed), null);
  }
  const stream = await lab.startStream(lab.internet, guestAddress, 7);
  await agent.push(writer.add({ 'firewall.routed': { out: rule('egress', 80) } }));
  t.is(await seenAs(wires.guest, outside), guestAddress);
  await agent.push(writer.remove('firewall.routed', 'web'));
  t.is(await httpGet(lab.internet, inside, closed), null);
  const report = await stream.stop();
  t.is(report.error, null);
  t.true(report.longestGapMs < 1000, `a gap of ${report.longestGapMs} ms over changes of other rules`);
  const misplaced = writer.add({ 'firewall.ingress': { open: openIngress } });
  const refusal = await t.throwsAsync(agent.push(misplaced), { instanceOf: RefusedError });
  t.deepEqual(refusal?.refusal.paths, ['firewall.ingress.open']);
  const { services: health } = await agent.status();
  t.deepEqual(
    health.filter(({ healthy }) => !healthy),
    [],
  );
});
