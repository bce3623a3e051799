// Parameters and checks that commands of load balancer rules share.
import { type LoadBalancerAlgorithm, loadBalancerAlgorithms } from '../../model/load-balancer.ts';
import { cidrListOptions } from '../firewall/parameters.ts';
import { type Parameter, type ParameterValues, p } from '../parameter.ts';

/** Milliseconds, as far as HAProxy goes. */
const timeout = p.integer(1, 2_073_600_000);

/** What Isthmus adds to the field's parameters of a rule. */
export const limitParameters = {
  clienttimeout: timeout.optional("Isthmus's own: milliseconds that a client may be silent; by default 50000"),
  servertimeout: timeout.optional("Isthmus's own: milliseconds that an instance may be silent; by default 50000"),
  connecttimeout: timeout.optional(
    "Isthmus's own: milliseconds that a connection to an instance may take; by default 5000",
  ),
  maxconnections: p
    .integer(1, 1_000_000)
    .optional("Isthmus's own: most connections at once; by default as many as the router takes"),
} as const;

export const algorithmParameter = p.oneOf<LoadBalancerAlgorithm>(...loadBalancerAlgorithms);

export const cidrListParameter = p.cidrList.optional(
  'The CIDRs that may connect, comma-separated; by default anyone',
  cidrListOptions,
);

/** The limits of a call as columns; what was not given is left out. */
export function limitColumns(values: ParameterValues<typeof limitParameters>) {
  const { clienttimeout, servertimeout, connecttimeout, maxconnections } = values;
  return {
    ...(clienttimeout !== undefined && { client_timeout_ms: clienttimeout }),
    ...(servertimeout !== undefined && { server_timeout_ms: servertimeout }),
    ...(connecttimeout !== undefined && { connect_timeout_ms: connecttimeout }),
    ...(maxconnections !== undefined && { max_connections: maxconnections }),
  };
}

/** One more of the field's that a client may send with an id of its own. */
export const customIdParameter: Parameter<string | undefined, false> = p.text.optional(
  'Accepted for the clients that send it',
);
