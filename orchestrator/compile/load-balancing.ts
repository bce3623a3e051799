// Rows of load balancing → entries of a router's document. Pure. A row that is wanted gone, or not served, gives null.
import type { LoadBalancerCertificate, LoadBalancerMember, LoadBalancerRule } from '@isthmus/contract';
import { type Ipv4Address, parseIpv4Cidr } from '@isthmus/net';
import type { RuleState } from './entries.ts';

/** A rule of the store. Times in milliseconds; null: the default. */
export interface LoadBalancerRow {
  readonly publicAddress: Ipv4Address;
  readonly publicPort: number;
  readonly privatePort: number;
  readonly protocol: LoadBalancerRule['protocol'];
  readonly algorithm: LoadBalancerRule['algorithm'];
  /** Comma-separated; '' for anyone. */
  readonly cidrList: string;
  readonly certificateIds: readonly string[];
  readonly stickiness: NonNullable<LoadBalancerRule['stickiness']> | null;
  /** Times in seconds. */
  readonly healthCheck: {
    readonly pingpath: string | null;
    readonly intervaltime: number;
    readonly responsetimeout: number;
    readonly healthythreshold: number;
    readonly unhealthythreshold: number;
  } | null;
  readonly maxConnections: number | null;
  readonly clientTimeoutMs: number | null;
  readonly serverTimeoutMs: number | null;
  readonly connectTimeoutMs: number | null;
  readonly state: RuleState;
}

/** The field's timeouts of every rule. */
const idleTimeoutMs = 50_000;
const connectTimeoutMs = 5_000;
/** As the field, whose router checks every member by a TCP connection: HAProxy's own interval and thresholds. */
const defaultHealthCheck = { intervalMs: 2_000, timeoutMs: 2_000, healthyThreshold: 2, unhealthyThreshold: 3 };

/** False for a rule that is wanted gone, and for TLS without a certificate, which has nothing to answer with. */
export function isServed(rule: Pick<LoadBalancerRow, 'state' | 'protocol' | 'certificateIds'>): boolean {
  return rule.state !== 'Revoke' && (rule.protocol !== 'ssl' || rule.certificateIds.length > 0);
}

/** A rule. Requests are balanced, not connections, where TLS ends here or a cookie decides. */
export function compileLoadBalancerRule(row: LoadBalancerRow): LoadBalancerRule | null {
  if (!isServed(row)) return null;
  const { stickiness } = row;
  const healthCheck = compileHealthCheck(row);
  return {
    publicAddress: row.publicAddress,
    publicPort: row.publicPort,
    privatePort: row.privatePort,
    protocol: row.protocol,
    isHttp: row.protocol === 'ssl' || stickiness?.method === 'lb-cookie' || stickiness?.method === 'app-cookie',
    algorithm: row.algorithm,
    sources: row.cidrList === '' ? [] : row.cidrList.split(',').map((cidr) => parseIpv4Cidr(cidr.trim())),
    certificates: row.protocol === 'ssl' ? [...row.certificateIds] : [],
    ...(stickiness !== null && { stickiness }),
    ...(healthCheck !== null && { healthCheck }),
    ...(row.maxConnections !== null && { maxConnections: row.maxConnections }),
    clientTimeoutMs: row.clientTimeoutMs ?? idleTimeoutMs,
    serverTimeoutMs: row.serverTimeoutMs ?? idleTimeoutMs,
    connectTimeoutMs: row.connectTimeoutMs ?? connectTimeoutMs,
  };
}

function compileHealthCheck({
  protocol,
  healthCheck,
}: LoadBalancerRow): NonNullable<LoadBalancerRule['healthCheck']> | null {
  if (protocol === 'udp') return null;
  if (healthCheck === null) return defaultHealthCheck;
  return {
    ...(healthCheck.pingpath !== null && { path: healthCheck.pingpath }),
    intervalMs: healthCheck.intervaltime * 1000,
    timeoutMs: healthCheck.responsetimeout * 1000,
    healthyThreshold: healthCheck.healthythreshold,
    unhealthyThreshold: healthCheck.unhealthythreshold,
  };
}

/** A member; null where its rule is not served, since an entry may not name one that is not there. */
export function compileLoadBalancerMember(member: {
  readonly ruleId: string;
  readonly address: Ipv4Address;
  readonly state: RuleState;
  readonly rule: Pick<LoadBalancerRow, 'state' | 'protocol' | 'certificateIds'>;
}): LoadBalancerMember | null {
  if (member.state === 'Revoke' || !isServed(member.rule)) return null;
  return { rule: member.ruleId, address: member.address };
}

/** A certificate with its chain, and its key, opened. */
export function compileLoadBalancerCertificate(row: {
  readonly certificate: string;
  readonly chain: string;
  readonly privateKey: string;
}): LoadBalancerCertificate {
  return { certificate: row.certificate + row.chain, privateKey: row.privateKey };
}
