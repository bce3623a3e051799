// Reads load balancer rules, their members and the certificates that they answer with.
import { sql } from 'kysely';
import {
  compileLoadBalancerCertificate,
  compileLoadBalancerMember,
  compileLoadBalancerRule,
} from '../../compile/load-balancing.ts';
import { among, type Loader } from './entries.ts';

export const loadBalancerRules: Loader = async (trx, networkId, ids) => {
  const rows = await trx
    .selectFrom('load_balancer_rule')
    .innerJoin('public_ip_address', 'public_ip_address.id', 'load_balancer_rule.public_ip_address_id')
    .selectAll('load_balancer_rule')
    .select('public_ip_address.address')
    .where('load_balancer_rule.network_id', '=', networkId)
    .where(among('load_balancer_rule.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      compileLoadBalancerRule({
        publicAddress: row.address,
        publicPort: row.public_port,
        privatePort: row.private_port,
        protocol: row.protocol,
        algorithm: row.algorithm,
        cidrList: row.cidr_list,
        certificateIds: row.certificate_ids,
        stickiness: row.stickiness?.entry ?? null,
        healthCheck: row.health_check,
        maxConnections: row.max_connections,
        clientTimeoutMs: row.client_timeout_ms,
        serverTimeoutMs: row.server_timeout_ms,
        connectTimeoutMs: row.connect_timeout_ms,
        state: row.state,
      }),
    ]),
  );
};

export const loadBalancerMembers: Loader = async (trx, networkId, ids) => {
  const rows = await trx
    .selectFrom('load_balancer_member')
    .innerJoin('load_balancer_rule', 'load_balancer_rule.id', 'load_balancer_member.load_balancer_rule_id')
    .selectAll('load_balancer_member')
    .select([
      'load_balancer_rule.state as rule_state',
      'load_balancer_rule.protocol',
      'load_balancer_rule.certificate_ids',
    ])
    .where('load_balancer_member.network_id', '=', networkId)
    .where(among('load_balancer_member.id', ids))
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      compileLoadBalancerMember({
        ruleId: row.load_balancer_rule_id,
        address: row.address,
        state: row.state,
        rule: { state: row.rule_state, protocol: row.protocol, certificateIds: row.certificate_ids },
      }),
    ]),
  );
};

/** Certificates of the account that a rule of this network answers with. */
export const loadBalancerCertificates: Loader = async (trx, networkId, ids, sealer) => {
  const rows = await trx
    .selectFrom('ssl_certificate')
    .select(['id', 'certificate', 'chain', 'sealed_private_key'])
    .where(among('ssl_certificate.id', ids))
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('load_balancer_rule')
          .select('load_balancer_rule.id')
          .where('load_balancer_rule.network_id', '=', networkId)
          .where('load_balancer_rule.state', '<>', 'Revoke')
          .where('load_balancer_rule.protocol', '=', 'ssl')
          .where(sql<boolean>`ssl_certificate.id = any(load_balancer_rule.certificate_ids)`),
      ),
    )
    .execute();
  return new Map(
    rows.map((row) => [
      row.id,
      compileLoadBalancerCertificate({
        certificate: row.certificate,
        chain: row.chain,
        privateKey: sealer.open(row.sealed_private_key),
      }),
    ]),
  );
};
