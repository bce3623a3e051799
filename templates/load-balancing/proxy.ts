// One rule of the section `loadBalancing`, with its members, as a proxy of HAProxy.
import type { LoadBalancerMember, LoadBalancerRule, RouterSettings } from '@isthmus/contract';
import {
  type ProxyConfig,
  type ProxyName,
  parseCookieName,
  parseProxyName,
  type ServerConfig,
  type Stickiness,
} from '@isthmus/haproxy-config';
import { certificateListPath } from './certificates.ts';
import type { LoadBalancerPaths } from './global.ts';

/**
 * A member's share. All have the same; it is not 1, since of a consistent hash it is the number of points that a member
 * has on the ring, and few points make unequal shares.
 */
export const memberWeight = 16;

/** A rule without a health check policy: a member is checked by a TCP connection, as CloudStack's router does. */
const plainCheck = { intervalMs: 5_000, timeoutMs: 5_000, healthyThreshold: 2, unhealthyThreshold: 3 } as const;

const rulePrefix = 'r-';
const memberPrefix = 'm-';

/** A rule's name in HAProxy. */
export function proxyNameOf(ruleId: string): ProxyName {
  return parseProxyName(`${rulePrefix}${ruleId}`);
}

/** A member's name in HAProxy. */
export function serverNameOf(memberId: string): ProxyName {
  return parseProxyName(`${memberPrefix}${memberId}`);
}

/** The rule's id of a name in HAProxy; null where it is not one of `proxyNameOf`. */
export function ruleIdOf(name: string): string | null {
  return name.startsWith(rulePrefix) ? name.slice(rulePrefix.length) : null;
}

/** The member's id of a name in HAProxy; null where it is not one of `serverNameOf`. */
export function memberIdOf(name: string): string | null {
  return name.startsWith(memberPrefix) ? name.slice(memberPrefix.length) : null;
}

/** True where HAProxy carries a rule; UDP is the nat table's. */
export function isProxied({ protocol }: LoadBalancerRule): boolean {
  return protocol !== 'udp';
}

function stickinessOf(id: string, rule: LoadBalancerRule): Stickiness | null {
  const { stickiness } = rule;
  if (stickiness === undefined) return null;
  if (stickiness.method === 'source') {
    return { kind: 'source', size: stickiness.tableSize, expireMs: stickiness.expireMs };
  }
  const cookieName = parseCookieName(stickiness.cookieName);
  if (stickiness.method === 'lb-cookie') {
    const { mode, noCache, indirect, postOnly, domains } = stickiness;
    return { kind: 'cookie', cookieName, mode, noCache, indirect, postOnly, domains, key: id };
  }
  const { length, expireMs, tableSize: size, requestLearn, pathParameters } = stickiness;
  return { kind: 'application-cookie', cookieName, length, expireMs, size, requestLearn, pathParameters };
}

/** A member of a rule as a server. */
export function serverOf(id: string, rule: LoadBalancerRule, member: LoadBalancerMember): ServerConfig {
  const { intervalMs, healthyThreshold, unhealthyThreshold } = rule.healthCheck ?? plainCheck;
  return {
    name: serverNameOf(id),
    address: member.address,
    port: rule.privatePort,
    weight: member.draining === true ? 0 : memberWeight,
    proxyProtocol: rule.protocol === 'tcp-proxy',
    check: { intervalMs, rise: healthyThreshold, fall: unhealthyThreshold },
  };
}

/** A rule without its servers. */
export function proxyOf(
  id: string,
  rule: LoadBalancerRule,
  settings: RouterSettings['loadBalancing'],
  paths: LoadBalancerPaths,
): ProxyConfig {
  const { protocol, isHttp, healthCheck = plainCheck } = rule;
  // HTTP/2 is spoken by HAProxy itself; where it only passes bytes on, a member would get what it did not offer.
  const alpn = isHttp ? (['h2', 'http/1.1'] as const) : [];
  return {
    name: proxyNameOf(id),
    mode: isHttp ? 'http' : 'tcp',
    address: rule.publicAddress,
    port: rule.publicPort,
    tls: protocol === 'ssl' ? { certificateList: certificateListPath(paths, id), alpn } : null,
    maxConnections: Math.min(rule.maxConnections ?? settings.maxConnections, settings.maxConnections),
    clientTimeoutMs: rule.clientTimeoutMs,
    serverTimeoutMs: rule.serverTimeoutMs,
    connectTimeoutMs: rule.connectTimeoutMs,
    forwardFor: isHttp,
    sources: rule.sources,
    balance: rule.algorithm,
    stickiness: stickinessOf(id, rule),
    check: { path: rule.healthCheck?.path ?? null, timeoutMs: healthCheck.timeoutMs },
    servers: [],
  };
}
