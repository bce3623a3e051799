// The tables of rules: how a row of each is put back where its router refuses it, and what is compiled again then.
import type { CollectionName } from '@isthmus/contract';
import type { StoredRuleTable } from '../model/orchestration.ts';

/** A row of a table of rules. Columns beside these by name. */
export interface RuleRow {
  readonly id: string;
  readonly network_id: string;
  readonly state: string;
  readonly previous: unknown;
  readonly [column: string]: unknown;
}

export interface RuleKind {
  readonly table: StoredRuleTable;
  /** Columns that `previous` holds of a changed rule. */
  readonly columns: readonly string[];
  /** The entry that a row is compiled to; its id is the row's. */
  readonly collection: (row: RuleRow) => CollectionName;
  /** Collections whose entries depend on a row of this table: compiled again as a whole where one is put back. */
  readonly dependents?: readonly CollectionName[];
}

const networkRuleColumns = [
  'protocol',
  'start_port',
  'end_port',
  'icmp_type',
  'icmp_code',
  'cidr_list',
  'dest_cidr_list',
  'traffic_type',
] as const;

/** Every table of rules. The rows of each have id, network_id, state and previous. */
export const ruleKinds: readonly RuleKind[] = [
  {
    table: 'firewall_rule',
    columns: ['protocol', 'start_port', 'end_port', 'icmp_type', 'icmp_code', 'cidr_list', 'dest_cidr_list'],
    collection: (row) => (row.traffic_type === 'Ingress' ? 'firewall.ingress' : 'firewall.egress'),
  },
  {
    table: 'port_forwarding_rule',
    columns: [
      'public_ip_address_id',
      'protocol',
      'public_start_port',
      'public_end_port',
      'private_start_port',
      'private_end_port',
      'virtual_machine_id',
      'nic_id',
      'private_address',
    ],
    collection: () => 'nat.portForwards',
  },
  {
    table: 'load_balancer_rule',
    columns: [
      'name',
      'description',
      'protocol',
      'algorithm',
      'cidr_list',
      'client_timeout_ms',
      'server_timeout_ms',
      'connect_timeout_ms',
      'max_connections',
      'stickiness',
      'health_check',
      'certificate_ids',
    ],
    collection: () => 'loadBalancing.rules',
    dependents: ['loadBalancing.members', 'loadBalancing.certificates'],
  },
  { table: 'load_balancer_member', columns: [], collection: () => 'loadBalancing.members' },
  { table: 'ipv6_firewall_rule', columns: networkRuleColumns, collection: () => 'firewall.ipv6' },
  { table: 'routing_firewall_rule', columns: networkRuleColumns, collection: () => 'firewall.routed' },
];
