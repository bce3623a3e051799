import type { Db } from '../../store/database.ts';
import { parameterError } from '../errors.ts';

/** Throws 431 where the network's offering lacks a service that the command needs. */
export async function requireService(
  db: Db,
  networkId: string,
  service: 'Firewall' | 'PortForwarding' | 'StaticNat' | 'Lb',
  parameter: { readonly name: string; readonly value: string },
): Promise<void> {
  const { services, name } = await db
    .selectFrom('network')
    .innerJoin('network_offering', 'network_offering.id', 'network.network_offering_id')
    .select(['network_offering.services', 'network_offering.name'])
    .where('network.id', '=', networkId)
    .executeTakeFirstOrThrow();
  if (services[service] === undefined) {
    const expected = `a network with the service ${service}; its offering ${name} has ${Object.keys(services).join(', ')}`;
    throw parameterError(parameter.name, parameter.value, expected);
  }
}
