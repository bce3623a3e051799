import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { field } from '../response-field.ts';

// Ports are strings here and numbers in firewall rules: typed clients insist on either.
export const portForwardingResponseFields: ResponseFields = {
  id: field.string('The id of the port forwarding rule'),
  privateport: field.string("The first of the instance's ports"),
  privateendport: field.string("The last of the instance's ports"),
  protocol: field.string('The protocol: tcp or udp'),
  publicport: field.string('The first public port'),
  publicendport: field.string('The last public port'),
  virtualmachineid: field.string('The id of the instance'),
  virtualmachinename: field.string('The name of the instance'),
  virtualmachinedisplayname: field.string('The display name of the instance'),
  ipaddressid: field.string('The id of the public IP address'),
  ipaddress: field.string('The public IP address'),
  state: field.string('Add, Active or Revoke'),
  cidrlist: field.string('The CIDRs that the rule opened the firewall for, comma-separated'),
  vmguestip: field.string("The instance's address"),
  networkid: field.string('The id of the network'),
  fordisplay: field.boolean('True: the rule is shown to its users'),
  tags: field.list('The tags of the rule'),
};

type Row = EntityRow<'port_forwarding_rule'>;

/** Port forwarding rules as the API shows them. */
export async function presentPortForwardingRules(
  { db }: { readonly db: Db },
  rows: readonly Row[],
): Promise<ResponseObject[]> {
  const ids = (column: 'public_ip_address_id' | 'virtual_machine_id' | 'nic_id') => rows.map((row) => row[column]);
  const addresses = await rowsById(db, 'public_ip_address', ids('public_ip_address_id'));
  const machines = await rowsById(db, 'virtual_machine', ids('virtual_machine_id'));
  const nics = await rowsById(db, 'nic', ids('nic_id'));
  return rows.map((row) => {
    const machine = machines.get(row.virtual_machine_id);
    return {
      id: row.id,
      privateport: String(row.private_start_port),
      privateendport: String(row.private_end_port),
      protocol: row.protocol,
      publicport: String(row.public_start_port),
      publicendport: String(row.public_end_port),
      virtualmachineid: row.virtual_machine_id,
      virtualmachinename: machine?.name,
      virtualmachinedisplayname: machine?.display_name,
      ipaddressid: row.public_ip_address_id,
      ipaddress: addresses.get(row.public_ip_address_id)?.address,
      state: row.state,
      cidrlist: row.cidr_list,
      vmguestip: row.private_address ?? nics.get(row.nic_id)?.address,
      networkid: row.network_id,
      fordisplay: true,
      tags: [],
    };
  });
}

/** One port forwarding rule by id as the API shows it; empty where it is gone. */
export async function presentPortForwardingRule(context: { readonly db: Db }, id: string): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('port_forwarding_rule').selectAll().where('id', '=', id).execute();
  return (await presentPortForwardingRules(context, rows))[0] ?? {};
}
