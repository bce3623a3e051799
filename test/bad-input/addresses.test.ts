// Bad input about offerings, dual-stack and routed networks that only the rules of the domain can tell: code, named
// parameter, and nothing changed.
import test from 'ava';
import { inside } from '../commands/tenant-fixture.ts';
import type { AddressSubjects } from './address-row.ts';
import { addressRows } from './address-rows.ts';
import { type Digest, digestOf } from './digest.ts';
import { outcome } from './refusal.ts';
import { startWorld } from './world.ts';

let subjects: AddressSubjects;
let digest: () => Promise<Digest>;

test.before(async () => {
  const world = await startWorld();
  const { owner: client, root } = world.callers;
  const zoneid = world.zoneId;
  const offering = async (name: string) => String((await root.list('listNetworkOfferings', { name }))[0]?.id);
  const dualOffering = await offering('DefaultIsolatedDualStackNetworkOffering');
  const routedOffering = await offering('DefaultIsolatedRoutedNetworkOffering');
  const made = async (name: string, networkofferingid: string, values = {}) =>
    String(inside(await client.call('createNetwork', { name, zoneid, networkofferingid, ...values })).id);
  const dual = await made('dual', dualOffering);
  const values = { name: 'off', traffictype: 'GUEST', guestiptype: 'Isolated', supportedservices: 'Dhcp' };
  const disabled = inside(await root.call('createNetworkOffering', values));
  const used = String(inside(await root.call('createNetworkOffering', { ...values, name: 'used', enable: true })).id);
  await made('used', used);
  const rule = await client.run('createIpv6FirewallRule', { networkid: dual, protocol: 'tcp', startport: 80 });
  const ids = {
    plain: world.belongings.owner.network ?? '',
    dual,
    routed: await made('routed', routedOffering, { cidrsize: 26 }),
    plainOffering: world.networkOfferingId,
    dualOffering,
    routedOffering,
    disabled: String(disabled.id),
    used,
    ipv6Rule: String(inside(rule).id),
  };
  subjects = { world, ids };
  digest = await digestOf(world.db);
});
test.after.always(() => subjects?.world.close());

test.serial('what the rows speak of is there', (t) => {
  for (const [name, id] of Object.entries(subjects.ids)) t.regex(id, /^[0-9a-f-]{36}$/, name);
});

for (const { what, command, values, code, names, caller } of addressRows) {
  test.serial(`${command} refuses ${what}`, async (t) => {
    const before = await digest();
    const refusal = await outcome(subjects.world.callers[caller], command, values(subjects));
    t.is(refusal.code, code, refusal.text);
    t.regex(refusal.text, names);
    t.deepEqual(await digest(), before);
  });
}

test.serial('networks made at once have IPv6 networks and subnets of their own', async (t) => {
  const { world, ids } = subjects;
  const { owner: client } = world.callers;
  const made = async (index: number) => {
    const isDual = index % 2 === 0;
    const values = isDual ? {} : { cidrsize: 28 };
    const networkofferingid = isDual ? ids.dualOffering : ids.routedOffering;
    const name = `race${index}`;
    return inside(await client.call('createNetwork', { name, zoneid: world.zoneId, networkofferingid, ...values }));
  };
  const networks = await Promise.all(Array.from({ length: 16 }, (_, index) => made(index)));
  t.is(new Set(networks.map((network) => network.ip6cidr ?? network.cidr)).size, networks.length);
});
