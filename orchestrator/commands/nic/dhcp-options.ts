// Further DHCP options of NICs: the parameters that give them, and where they are kept.
import {
  type DhcpOption,
  type NicDhcpOptions,
  parseDhcpOptions,
  parseNicDhcpOptions,
} from '../../model/dhcp-options.ts';
import type { Db, Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { type Parameter, p } from '../parameter.ts';

const map = p.map.optional('', { maxLength: 65_536 });

/** `dhcpoptionsnetworklist` of deployVirtualMachine and updateVirtualMachine. */
export const nicDhcpOptionsParameter: Parameter<NicDhcpOptions[], false> = {
  ...map,
  description:
    "Further DHCP options of the instance's NICs, by network: [0].networkid and [0].dhcp:CODE, such as dhcp:114=URL. " +
    'Of a network that is named without an option, all go',
  parse: (text) => parseNicDhcpOptions(map.parse(text)),
};

/** `dhcpoptions` of addNicToVirtualMachine. */
export const dhcpOptionsParameter: Parameter<DhcpOption[], false> = {
  ...map,
  description: 'Further DHCP options: [0].dhcp:CODE, such as dhcp:114=URL; an item without an option: none',
  parse: (text) => parseDhcpOptions(map.parse(text)),
};

/** Replaces the options of one NIC, and has its router told. */
export async function setNicDhcpOptions(
  db: Trx,
  nic: Pick<EntityRow<'nic'>, 'id' | 'network_id'>,
  options: readonly DhcpOption[],
): Promise<void> {
  await db.deleteFrom('nic_dhcp_option').where('nic_id', '=', nic.id).execute();
  if (options.length > 0) {
    const rows = options.map(({ code, value }) => ({ nic_id: nic.id, code, value }));
    await db.insertInto('nic_dhcp_option').values(rows).execute();
  }
  await touch(db, nic.network_id, 'dhcp.hosts', nic.id);
}

/** Replaces the options of an instance's NICs in the networks named. Throws 431 for a network without a NIC of it. */
export async function setDhcpOptionsOfMachine(
  db: Trx,
  machineId: string,
  networks: readonly NicDhcpOptions[],
): Promise<void> {
  const nics = await db
    .selectFrom('nic')
    .select(['id', 'network_id'])
    .where('virtual_machine_id', '=', machineId)
    .execute();
  for (const { networkId, options } of networks) {
    const nic = nics.find(({ network_id }) => network_id === networkId);
    if (nic === undefined) {
      throw parameterError('dhcpoptionsnetworklist', networkId, 'networks that the instance has a NIC in');
    }
    await setNicDhcpOptions(db, nic, options);
  }
}

/** What `extradhcpoption` of responses says of each NIC that has options. */
export async function dhcpOptionsByNic(
  db: Db,
  nicIds: readonly string[],
): Promise<Map<string, { id: string; nicid: string; code: number; codename: string; value: string }[]>> {
  const rows =
    nicIds.length === 0
      ? []
      : await db
          .selectFrom('nic_dhcp_option')
          .selectAll()
          .where('nic_id', 'in', [...nicIds])
          .orderBy('code')
          .execute();
  const present = ({ nic_id, code, value }: (typeof rows)[number]) => ({
    id: `${nic_id}-${code}`,
    nicid: nic_id,
    code,
    codename: `dhcp:${code}`,
    value,
  });
  return new Map(nicIds.map((id) => [id, rows.filter(({ nic_id }) => nic_id === id).map(present)]));
}
