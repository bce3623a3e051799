// Which ports a port forwarding rule may forward.
import { type PortRange, portRangesOverlap } from '@isthmus/net';
import { parameterError } from './api-error.ts';

/** The ports of a port forwarding rule as its caller gives them. */
export interface ForwardedPortsRequest {
  readonly publicport: number;
  readonly publicendport?: number | undefined;
  readonly privateport: number;
  readonly privateendport?: number | undefined;
}

/** Both ranges have the same length. */
export interface ForwardedPorts {
  readonly publicPorts: PortRange;
  readonly privatePorts: PortRange;
}

function range(start: number, end: number | undefined, names: readonly [start: string, end: string]): PortRange {
  if (end !== undefined && end < start) throw parameterError(names[1], end, `a port not below ${names[0]} ${start}`);
  return { first: start, last: end ?? start };
}

/** Checks the ports of a rule. Throws 431 where a range is empty or the ranges differ in length. */
export function forwardedPorts(request: ForwardedPortsRequest): ForwardedPorts {
  const publicPorts = range(request.publicport, request.publicendport, ['publicport', 'publicendport']);
  const privatePorts = range(request.privateport, request.privateendport, ['privateport', 'privateendport']);
  const length = publicPorts.last - publicPorts.first;
  if (privatePorts.last - privatePorts.first !== length) {
    const last = privatePorts.first + length;
    throw parameterError('privateendport', privatePorts.last, `${last}: as many private ports as public ones`);
  }
  return { publicPorts, privatePorts };
}

/** A stored rule, as far as conflicts go. */
export interface ForwardLike {
  readonly protocol: 'tcp' | 'udp';
  readonly public_start_port: number;
  readonly public_end_port: number;
}

/** The first of an address's rules that forwards a port of these already. */
export function conflictingForward<Rule extends ForwardLike>(
  rules: readonly Rule[],
  wanted: ForwardLike,
): Rule | undefined {
  const ports = { first: wanted.public_start_port, last: wanted.public_end_port };
  return rules.find(
    (rule) =>
      rule.protocol === wanted.protocol &&
      portRangesOverlap({ first: rule.public_start_port, last: rule.public_end_port }, ports),
  );
}
