// Further DHCP options of every lease of a network: the parameter that gives them, and where they are kept. CloudStack
// has them of a NIC alone.
import { type DhcpOption, parseDhcpOptions } from '../../model/dhcp-options.ts';
import type { Db, Trx } from '../../store/database.ts';
import type { ResponseObject } from '../declaration.ts';
import { type Parameter, p } from '../parameter.ts';
import { field } from '../response-field.ts';

const map = p.map.optional('', { maxLength: 65_536 });

/** `dhcpoptions` of createNetwork and updateNetwork. */
export const networkDhcpOptionsParameter: Parameter<DhcpOption[], false> = {
  ...map,
  description:
    "Isthmus's own: further DHCP options of every lease, in place of those it has: [0].dhcp:CODE, such as dhcp:114=URL; " +
    "[] for none. A NIC's own option stands before them",
  parse: (text) => parseDhcpOptions(map.parse(text)),
};

/** `extradhcpoption` of a network's response. */
export const networkDhcpOptionField = field.list("Isthmus's own: further DHCP options of every lease", {
  code: field.integer('The code of the option'),
  codename: field.string('dhcp: and the code'),
  value: field.string('Its value, as it was given'),
});

/** Replaces the options of a network. What notes them for its router is a change of `settings`. */
export async function setNetworkDhcpOptions(db: Trx, networkId: string, options: readonly DhcpOption[]): Promise<void> {
  await db.deleteFrom('network_dhcp_option').where('network_id', '=', networkId).execute();
  if (options.length === 0) return;
  const rows = options.map(({ code, value }) => ({ network_id: networkId, code, value }));
  await db.insertInto('network_dhcp_option').values(rows).execute();
}

/** What `extradhcpoption` says of each network that has options. */
export async function dhcpOptionsByNetwork(
  db: Db,
  networkIds: readonly string[],
): Promise<ReadonlyMap<string, ResponseObject[]>> {
  if (networkIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('network_dhcp_option')
    .selectAll()
    .where('network_id', 'in', [...networkIds])
    .orderBy('code')
    .execute();
  const options = new Map<string, ResponseObject[]>();
  for (const { network_id, code, value } of rows) {
    const own = options.get(network_id) ?? [];
    own.push({ code, codename: `dhcp:${code}`, value });
    options.set(network_id, own);
  }
  return options;
}
