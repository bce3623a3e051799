// Tables of load balancing. Columns are described where they are made: migrations/0004-load-balancing.ts.
import type { Ipv4Address } from '@isthmus/net';
import type { Generated } from 'kysely';
import type { HealthCheckPolicy, LoadBalancerAlgorithm, LoadBalancerProtocol } from '../../model/load-balancer.ts';
import type { StickinessPolicy } from '../../model/load-balancer-stickiness.ts';
import type { Json, Timestamp } from './columns.ts';

type RuleState = 'Add' | 'Active' | 'Revoke';

export interface LoadBalancerRuleTable {
  id: Generated<string>;
  network_id: string;
  public_ip_address_id: string;
  name: string;
  description: string | null;
  public_port: number;
  private_port: number;
  protocol: LoadBalancerProtocol;
  algorithm: LoadBalancerAlgorithm;
  /** Who may connect, as the tenant spelled it, comma-separated; '' for anyone. */
  cidr_list: Generated<string>;
  /** Null: the default of model/load-balancer.ts, as the two below. */
  client_timeout_ms: number | null;
  server_timeout_ms: number | null;
  connect_timeout_ms: number | null;
  /** Null: as many as the router takes. */
  max_connections: number | null;
  stickiness: Json<StickinessPolicy> | null;
  health_check: Json<HealthCheckPolicy> | null;
  /** The first is the default, the others are chosen by SNI. */
  certificate_ids: Generated<string[]>;
  state: RuleState;
  /** The row as it was acknowledged, while a change of it waits; what a refusal goes back to. */
  previous: Json<unknown> | null;
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

/** An address of an instance behind a rule. */
export interface LoadBalancerMemberTable {
  id: Generated<string>;
  network_id: string;
  load_balancer_rule_id: string;
  virtual_machine_id: string;
  nic_id: string;
  /** The NIC's own, or a secondary one. */
  address: Ipv4Address;
  state: RuleState;
  previous: Json<unknown> | null;
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

/** A view: the policy that a rule's row holds, by its own id. */
export interface LoadBalancerPolicyView {
  id: string;
  load_balancer_rule_id: string;
  account_id: string;
  domain_id: string;
}

export interface SslCertificateTable {
  id: Generated<string>;
  name: string;
  /** PEM: the leaf alone. */
  certificate: string;
  /** PEM, the leaf's issuer first; '' for none. */
  chain: Generated<string>;
  sealed_private_key: string;
  /** SHA-256 of the leaf, `AA:BB:…`. */
  fingerprint: string;
  /** DNS names and addresses that it is for, in lower case, sorted. */
  names: string[];
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

export interface LoadBalancingTables {
  load_balancer_rule: LoadBalancerRuleTable;
  load_balancer_member: LoadBalancerMemberTable;
  load_balancer_stickiness_policy: LoadBalancerPolicyView;
  load_balancer_health_check_policy: LoadBalancerPolicyView;
  ssl_certificate: SslCertificateTable;
}
