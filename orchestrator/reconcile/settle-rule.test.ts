// Whoever asked for a rule hears why its router refused it, whichever push carried it.
import type { Push, Refusal } from '@isthmus/contract';
import test from 'ava';
import { ApiError } from '../model/api-error.ts';
import { touch } from '../store/network-change.ts';
import { settleRule } from './settle-rule.ts';
import { type SimulatedCloud, startSimulatedCloud } from './simulated-cloud-fixture.ts';

let cloud: SimulatedCloud;
test.before(async () => {
  cloud = await startSimulatedCloud(1);
});
test.after.always(() => cloud?.close());

/** An egress rule that its router was not told of yet. */
async function newRule(networkId: string): Promise<string> {
  const network = await cloud.db
    .selectFrom('network')
    .select(['account_id', 'domain_id'])
    .where('id', '=', networkId)
    .executeTakeFirstOrThrow();
  const { id } = await cloud.db
    .insertInto('firewall_rule')
    .values({
      ...network,
      ...{ network_id: networkId, traffic_type: 'Egress', public_ip_address_id: null, protocol: 'tcp' },
      ...{ start_port: 80, end_port: 80, icmp_type: null, icmp_code: null, cidr_list: '10.1.1.0/24' },
      ...{ dest_cidr_list: '', port_forwarding_rule_id: null, state: 'Add', previous: null },
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await touch(cloud.db, networkId, 'firewall.egress', id);
  return id;
}

/** Routers refuse a rule from now on; `before` is waited for first. */
function refuse(id: string, before: Promise<void> = Promise.resolve()): void {
  const [host] = cloud.hosts;
  if (host === undefined) throw new Error('the cloud has no host');
  host.refusalOf = async ({ entries }: Push): Promise<Refusal | null> => {
    if (entries['firewall.egress']?.upsert[id] === undefined) return null;
    await before;
    return { code: 'rejected', paths: [`firewall.egress.${id}`], message: 'no such thing', serving: null };
  };
}

test.serial('a refusal of the push that was asked for', async (t) => {
  const { networkId } = await cloud.network('own');
  const id = await newRule(networkId);
  refuse(id);
  await t.throwsAsync(settleRule(cloud.parts, 'firewall_rule', id), { message: /no such thing/ });
});

test.serial("a refusal of another's push that is under way", async (t) => {
  const { networkId } = await cloud.network('other');
  const id = await newRule(networkId);
  const gate = Promise.withResolvers<void>();
  refuse(id, gate.promise);
  const other = cloud.parts.updates.request(networkId);
  const settled = settleRule(cloud.parts, 'firewall_rule', id);
  setTimeout(() => gate.resolve(), 300);
  await t.throwsAsync(settled, { message: /no such thing/ });
  t.true((await other).has(id));
});

test.serial("a refusal of another's push that is over", async (t) => {
  const { networkId } = await cloud.network('earlier');
  const id = await newRule(networkId);
  refuse(id);
  await cloud.parts.updates.request(networkId);
  await t.throwsAsync(settleRule(cloud.parts, 'firewall_rule', id), { message: /no such thing/ });
  await t.notThrowsAsync(settleRule(cloud.parts, 'firewall_rule', id), 'told once');
});

test.serial('a refusal that nobody asked about is not that of a later change', async (t) => {
  const { networkId } = await cloud.network('later');
  const id = await newRule(networkId);
  refuse('none');
  cloud.parts.pusher.refusals.tell(id, new ApiError('internal', 'an earlier change was refused'));
  await t.notThrowsAsync(settleRule(cloud.parts, 'firewall_rule', id));
});
