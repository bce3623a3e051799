// The firewall rule that comes with a port forward or a load balancer (`openfirewall`).
import { firewallRuleCovers } from '../../model/firewall-rule.ts';
import type { Trx } from '../../store/database.ts';
import type { UsableAddress } from '../public-ip/lock.ts';
import { insertFirewallRule, type NewFirewallRule, neighbours } from './rule-rows.ts';

/** Ports of an address to be opened, both ends included. */
export interface OpenedPorts {
  readonly protocol: 'tcp' | 'udp';
  readonly first: number;
  readonly last: number;
  /** Comma-separated; '' for anywhere. */
  readonly cidrs: string;
}

/** The rule that the opening goes along with when it is deleted. */
export type Opener = { readonly port_forwarding_rule_id: string } | { readonly load_balancer_rule_id: string };

/** One firewall rule for the ports; none where a rule that is there admits them all. Throws 537. */
export async function openFirewall(db: Trx, address: UsableAddress, ports: OpenedPorts, opener: Opener): Promise<void> {
  const rule: NewFirewallRule = {
    traffic_type: 'Ingress',
    network_id: address.network_id,
    public_ip_address_id: address.id,
    protocol: ports.protocol,
    start_port: ports.first,
    end_port: ports.last,
    icmp_type: null,
    icmp_code: null,
    cidr_list: ports.cidrs === '' ? '0.0.0.0/0' : ports.cidrs,
    dest_cidr_list: '',
    port_forwarding_rule_id: null,
    account_id: address.account_id,
    domain_id: address.domain_id,
    ...opener,
  };
  const others = await neighbours(db, rule);
  if (others.some((other) => firewallRuleCovers(other, rule))) return;
  await insertFirewallRule(db, rule, others);
}
