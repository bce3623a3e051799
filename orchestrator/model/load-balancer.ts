// What a load balancer rule may say.
import { parameterError } from './api-error.ts';

/** `tcp-proxy`: tcp, with the PROXY protocol to instances; `ssl`: TLS that ends at the router. */
export type LoadBalancerProtocol = 'tcp' | 'udp' | 'tcp-proxy' | 'ssl';
/** How the next connection finds its instance. */
export type LoadBalancerAlgorithm = 'roundrobin' | 'leastconn' | 'source';

export const loadBalancerProtocols = ['tcp', 'udp', 'tcp-proxy', 'ssl'] as const;
export const loadBalancerAlgorithms = ['roundrobin', 'leastconn', 'source'] as const;

/** A health check policy as a rule's row holds it; times in seconds, as the API has them. */
export interface HealthCheckPolicy {
  readonly id: string;
  readonly description: string | null;
  /** Null: a TCP connection is enough. */
  readonly pingpath: string | null;
  readonly intervaltime: number;
  readonly responsetimeout: number;
  readonly healthythreshold: number;
  readonly unhealthythreshold: number;
}

/** The protocol on the wire: all but udp listen on a TCP port. */
export function transportOf(protocol: LoadBalancerProtocol): 'tcp' | 'udp' {
  return protocol === 'udp' ? 'udp' : 'tcp';
}

/** A health check policy as its caller gives it. */
export interface HealthCheckRequest {
  readonly description?: string | undefined;
  readonly pingpath?: string | undefined;
  readonly intervaltime?: number | undefined;
  readonly responsetimeout?: number | undefined;
  readonly healthythreshold?: number | undefined;
  readonly unhealthythreshold?: number | undefined;
}

/** CloudStack's default of both times, seconds. */
const defaultSeconds = 5;
const defaultHealthyThreshold = 2;
const defaultUnhealthyThreshold = 10;
const pathPattern = /^\/[!#-[\]-~]{0,255}$/;

/**
 * A policy of what was given over what it was before (undefined: CloudStack's defaults). Throws 431 where the path is not
 * one, or an answer may take longer than the time between two checks.
 */
export function healthCheckPolicy(
  id: string,
  request: HealthCheckRequest,
  before?: HealthCheckPolicy,
): HealthCheckPolicy {
  const { pingpath, responsetimeout } = request;
  if (pingpath !== undefined && !pathPattern.test(pingpath)) {
    throw parameterError(
      'pingpath',
      pingpath,
      'a path such as /health, of at most 256 printable characters, without spaces, quotes and backslashes',
    );
  }
  const intervaltime = request.intervaltime ?? before?.intervaltime ?? defaultSeconds;
  const timeout = responsetimeout ?? Math.min(before?.responsetimeout ?? defaultSeconds, intervaltime);
  if (timeout > intervaltime) {
    throw parameterError('responsetimeout', timeout, `seconds not above intervaltime ${intervaltime}`);
  }
  return {
    id,
    description: request.description ?? before?.description ?? null,
    pingpath: pingpath ?? before?.pingpath ?? null,
    intervaltime,
    responsetimeout: timeout,
    healthythreshold: request.healthythreshold ?? before?.healthythreshold ?? defaultHealthyThreshold,
    unhealthythreshold: request.unhealthythreshold ?? before?.unhealthythreshold ?? defaultUnhealthyThreshold,
  };
}

/** Throws 431 where connections are to be counted that UDP has not. */
export function checkAlgorithm(protocol: LoadBalancerProtocol, algorithm: LoadBalancerAlgorithm): void {
  if (protocol === 'udp' && algorithm === 'leastconn') {
    throw parameterError('algorithm', algorithm, 'roundrobin or source with protocol udp, which has no connections');
  }
}

/** Throws 431 where a rule of protocol udp is asked for what needs connections. */
export function refuseOfUdp(protocol: LoadBalancerProtocol, parameter: string, value: string, what: string): void {
  if (protocol !== 'udp') return;
  throw parameterError(parameter, value, `a rule of protocol tcp, tcp-proxy or ssl: udp has no ${what}`);
}
