import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { field } from '../response-field.ts';

export const firewallResponseFields: ResponseFields = {
  id: field.string('The id of the firewall rule'),
  protocol: field.string('The protocol: tcp, udp, icmp or all'),
  startport: field.integer('The first port'),
  endport: field.integer('The last port'),
  ipaddressid: field.string('The id of the public IP address, for ingress'),
  ipaddress: field.string('The public IP address, for ingress'),
  networkid: field.string('The id of the network'),
  state: field.string('Add, Active or Revoke'),
  cidrlist: field.string('The CIDRs that the traffic comes from, comma-separated'),
  destcidrlist: field.string('The CIDRs that the traffic goes to, comma-separated, for egress'),
  icmptype: field.integer('The ICMP type; -1: any'),
  icmpcode: field.integer('The ICMP code; -1: any'),
  traffictype: field.string('Ingress or Egress'),
  fordisplay: field.boolean('True: the rule is shown to its users'),
  tags: field.list('The tags of the rule'),
};

type Row = EntityRow<'firewall_rule'>;

/** Firewall rules as the API shows them. */
export async function presentFirewallRules(
  { db }: { readonly db: Db },
  rows: readonly Row[],
): Promise<ResponseObject[]> {
  const addresses = await rowsById(
    db,
    'public_ip_address',
    rows.map((row) => row.public_ip_address_id),
  );
  return rows.map((row) => ({
    id: row.id,
    protocol: row.protocol,
    startport: row.start_port ?? undefined,
    endport: row.end_port ?? undefined,
    ipaddressid: row.public_ip_address_id ?? undefined,
    ipaddress: row.public_ip_address_id === null ? undefined : addresses.get(row.public_ip_address_id)?.address,
    networkid: row.network_id,
    state: row.state,
    cidrlist: row.cidr_list,
    ...(row.traffic_type === 'Egress' && { destcidrlist: row.dest_cidr_list }),
    icmptype: row.icmp_type ?? undefined,
    icmpcode: row.icmp_code ?? undefined,
    traffictype: row.traffic_type,
    fordisplay: true,
    tags: [],
  }));
}

/** One firewall rule by id as the API shows it; empty where it is gone. */
export async function presentFirewallRule(context: { readonly db: Db }, id: string): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('firewall_rule').selectAll().where('id', '=', id).execute();
  return (await presentFirewallRules(context, rows))[0] ?? {};
}
