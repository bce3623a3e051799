import { touch } from '../../store/network-change.ts';
import { allocatePublicAddress } from '../../store/public-address.ts';
import { asyncCommand, type CommandContext, type Owner } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { lockNetwork } from '../network/lock.ts';
import { p } from '../parameter.ts';
import { unservedFlag, unservedParameter } from '../unserved.ts';
import { presentPublicIp, publicIpResponseFields } from './response.ts';

export const associateIpAddress = asyncCommand({
  name: 'associateIpAddress',
  description:
    'Acquires a public IP address for a network. The first one of a network without a source NAT address becomes it.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    networkid: p.entity('network').optional('The network; by default the only one of the account in the zone'),
    zoneid: p.entity('zone').optional('The zone; needed without networkid'),
    account: p.text.optional('The account to acquire it for; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The owner's domain"),
    ipaddress: p.ipv4.optional('The address; by default the lowest free one'),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
    isportable: unservedFlag('there are no portable addresses'),
    regionid: unservedParameter('there are no portable addresses', 'integer'),
    vpcid: unservedParameter('there are no VPCs', 'uuid'),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: 'ipaddress',
  responseFields: publicIpResponseFields,
  eventType: 'NET.IPASSIGN',
  instanceType: 'IpAddress',
  creates: true,
  prepare: async (context, { networkid, zoneid, ipaddress, ...named }) => {
    const { db } = context;
    const found = networkid?.id ?? (await onlyNetwork(context, zoneid?.id, await context.owner(named)));
    const network = await lockNetwork(db, found);
    if (zoneid !== undefined && zoneid.id !== network.zone_id) {
      throw parameterError('zoneid', zoneid.id, `the zone of network ${network.name} (${network.zone_id})`);
    }
    const address = await allocatePublicAddress(db, {
      zoneId: network.zone_id,
      accountId: network.account_id,
      domainId: network.domain_id,
      networkId: network.id,
      isSourceNat: await lacksSourceNat(context, network),
      address: ipaddress,
    });
    if (address.is_source_nat) await touch(db, network.id, 'settings', '*');
    else await touch(db, network.id, 'routing.publicAddresses', address.id);
    return { id: address.id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleRule('public_ip_address', id);
    return presentPublicIp(context, id);
  },
});

async function onlyNetwork({ db }: CommandContext, zoneId: string | undefined, owner: Owner): Promise<string> {
  if (zoneId === undefined)
    throw new ApiError('parameter', 'Missing parameter networkid: expected networkid or zoneid');
  const networks = await db
    .selectFrom('network')
    .select('id')
    .where('zone_id', '=', zoneId)
    .where('account_id', '=', owner.accountId)
    .where('state', '<>', 'Destroy')
    .limit(2)
    .execute();
  const [only] = networks;
  if (only !== undefined && networks.length === 1) return only.id;
  const has = only === undefined ? 'no network' : 'more than one network';
  throw new ApiError('parameter', `The account has ${has} in zone ${zoneId}: expected parameter networkid to name one`);
}

async function lacksSourceNat(
  { db }: CommandContext,
  network: { readonly id: string; readonly network_offering_id: string },
): Promise<boolean> {
  const { services, network_mode } = await db
    .selectFrom('network_offering')
    .select(['services', 'network_mode'])
    .where('id', '=', network.network_offering_id)
    .executeTakeFirstOrThrow();
  if (services.SourceNat === undefined) {
    const why = network_mode === 'ROUTED' ? 'guests of a routed network have their own addresses' : 'it has no way out';
    throw parameterError('networkid', network.id, `a network with the service SourceNat; ${why}`);
  }
  const sourceNat = await db
    .selectFrom('public_ip_address')
    .select('id')
    .where('network_id', '=', network.id)
    .where('is_source_nat', '=', true)
    .executeTakeFirst();
  return sourceNat === undefined;
}
