// One port of a public address goes one way: by a load balancer, a port forward or static NAT.
import type { Trx } from '../../store/database.ts';
import { ApiError, parameterError } from '../errors.ts';
import type { UsableAddress } from '../public-ip/lock.ts';

/** Ports of one protocol of an address, both ends included. */
export interface WantedPorts {
  readonly protocol: 'tcp' | 'udp';
  readonly first: number;
  readonly last: number;
}

/** Throws 537 where a load balancer of the address has one of the ports. The caller has locked the address. */
export async function refusePortsOfLoadBalancers(
  db: Trx,
  address: UsableAddress,
  ports: WantedPorts,
  parameter: string,
): Promise<void> {
  const rule = await db
    .selectFrom('load_balancer_rule')
    .select(['id', 'name', 'public_port', 'protocol'])
    .where('public_ip_address_id', '=', address.id)
    .where('protocol', ports.protocol === 'udp' ? '=' : '<>', 'udp')
    .where('public_port', '>=', ports.first)
    .where('public_port', '<=', ports.last)
    .where('state', '<>', 'Revoke')
    .limit(1)
    .executeTakeFirst();
  if (rule === undefined) return;
  const wanted = ports.first === ports.last ? `Port ${ports.first}` : `The ports ${ports.first}-${ports.last}`;
  throw new ApiError(
    'conflict',
    `${wanted} (${parameter}) of ${ports.protocol} on ${address.address} conflicts with load balancer rule ${rule.name} (${rule.id}), which has ${rule.public_port} by ${rule.protocol}: expected ports that no rule has`,
  );
}

/** Throws 537 where a port forward of the address has the port, 431 where it has static NAT. */
export async function refusePortsOfForwards(
  db: Trx,
  address: UsableAddress,
  ports: WantedPorts,
  parameter: string,
): Promise<void> {
  if (address.static_nat_nic_id !== null && address.static_nat_state !== 'Revoke') {
    throw parameterError('publicipid', address.id, `an address without static NAT, which ${address.address} has`);
  }
  const forward = await db
    .selectFrom('port_forwarding_rule')
    .select(['id', 'public_start_port', 'public_end_port'])
    .where('public_ip_address_id', '=', address.id)
    .where('protocol', '=', ports.protocol)
    .where('public_start_port', '<=', ports.last)
    .where('public_end_port', '>=', ports.first)
    .where('state', '<>', 'Revoke')
    .limit(1)
    .executeTakeFirst();
  if (forward === undefined) return;
  throw new ApiError(
    'conflict',
    `Port ${ports.first} (${parameter}) of ${ports.protocol} on ${address.address} conflicts with port forwarding rule ${forward.id}, which forwards ${forward.public_start_port}-${forward.public_end_port}: expected a port that no rule has`,
  );
}

/** Throws 537 where a load balancer has any port of the address, which is wanted whole. */
export async function refuseLoadBalancedAddress(db: Trx, address: UsableAddress, parameter: string): Promise<void> {
  const rule = await db
    .selectFrom('load_balancer_rule')
    .select(['id', 'name'])
    .where('public_ip_address_id', '=', address.id)
    .where('state', '<>', 'Revoke')
    .limit(1)
    .executeTakeFirst();
  if (rule === undefined) return;
  throw new ApiError(
    'conflict',
    `Public IP address ${address.address} (${parameter}) has load balancer rule ${rule.name} (${rule.id}): expected an address without any`,
  );
}
