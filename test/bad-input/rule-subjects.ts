// What the rows of rules.test.ts speak of, and how a row is written.
import type { ApiValues } from '@isthmus/api-client';
import { inside } from '../commands/tenant-fixture.ts';
import { type CallerName, startWorld, type World } from './world.ts';

/**
 * Ids, of the owner's but for the offering: `address` has forwards, `natAddress` static NAT to `machine`, `freeAddress`
 * nothing; `otherMachine` is in `otherNetwork` alone.
 */
type SubjectName =
  | 'address'
  | 'natAddress'
  | 'sourceNat'
  | 'freeAddress'
  | 'machine'
  | 'second'
  | 'network'
  | 'otherNetwork'
  | 'otherMachine'
  | 'systemOffering';

/** The cloud, and what in it the rows speak of. */
export interface Subjects {
  readonly world: World;
  readonly ids: Readonly<Record<SubjectName, string>>;
}

/** One bad call. */
export interface Row {
  readonly what: string;
  readonly command: string;
  readonly values: (subjects: Subjects) => ApiValues;
  readonly code: number;
  /** What the message holds: the parameter's name. */
  readonly names: RegExp;
  readonly caller: CallerName;
}

/** Writes a row; without `caller` the owner calls. */
export function row(
  what: string,
  command: string,
  values: Row['values'],
  code: number,
  names: RegExp,
  caller: CallerName = 'owner',
): Row {
  return { what, command, values, code, names, caller };
}

/** Starts the cloud and makes what the rows need. */
export async function startSubjects(): Promise<Subjects> {
  const world = await startWorld();
  const { owner: client } = world.callers;
  const own = world.belongings.owner;
  const [networkid = '', machine = ''] = [own.network, own.virtual_machine];
  const acquire = async (values: ApiValues) => String(inside(await client.run('associateIpAddress', values)).id);
  const { zoneId: zoneid, networkOfferingId: networkofferingid, serviceOfferingId: serviceofferingid } = world;
  const common = { zoneid, serviceofferingid, templateid: world.templateId };
  const other = inside(await client.call('createNetwork', { name: 'other', zoneid, networkofferingid }));
  const otherNetwork = String(other.id);
  const deploy = async (values: ApiValues) =>
    String(inside(await client.run('deployVirtualMachine', { ...common, ...values })).id);
  const [sourceNat] = await client.list('listPublicIpAddresses', { associatednetworkid: networkid, issourcenat: true });
  const offering = world.db.selectFrom('service_offering').select('id').where('is_system', '=', true);
  const ids = {
    address: own.public_ip_address ?? '',
    natAddress: await acquire({ networkid }),
    freeAddress: await acquire({ networkid }),
    sourceNat: String(sourceNat?.id),
    machine,
    second: await deploy({ networkids: networkid, name: 'second' }),
    network: networkid,
    otherNetwork,
    otherMachine: await deploy({ networkids: otherNetwork, name: 'elsewhere' }),
    systemOffering: (await offering.executeTakeFirstOrThrow()).id,
  };
  await client.run('enableStaticNat', { ipaddressid: ids.natAddress, virtualmachineid: machine });
  await client.run('createFirewallRule', { ipaddressid: ids.address, protocol: 'icmp', icmptype: 8, icmpcode: 0 });
  return { world, ids };
}
