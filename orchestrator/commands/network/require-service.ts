import type { Db } from '../../store/database.ts';
import { parameterError } from '../errors.ts';

/**
 * Throws 431 where the network's offering lacks a service that the command needs. `mode`: what the command is for; rules of
 * public addresses are nothing to a routed network, which has rules of its own.
 */
export async function requireService(
  db: Db,
  networkId: string,
  service: 'Firewall' | 'PortForwarding' | 'StaticNat' | 'Lb',
  parameter: { readonly name: string; readonly value: string },
  mode: 'NATTED' | 'ROUTED' | 'any' = 'NATTED',
): Promise<void> {
  const { services, name, network_mode } = await db
    .selectFrom('network')
    .innerJoin('network_offering', 'network_offering.id', 'network.network_offering_id')
    .select(['network_offering.services', 'network_offering.name', 'network_offering.network_mode'])
    .where('network.id', '=', networkId)
    .executeTakeFirstOrThrow();
  if (mode === 'NATTED' && network_mode === 'ROUTED') {
    const expected = 'a network that translates addresses; this one is routed: see createRoutingFirewallRule';
    throw parameterError(parameter.name, parameter.value, expected);
  }
  if (services[service] === undefined) {
    const expected = `a network with the service ${service}; its offering ${name} has ${Object.keys(services).join(', ')}`;
    throw parameterError(parameter.name, parameter.value, expected);
  }
}
