import { routerServices } from '../../model/network-service.ts';
import { defaultRouterOffering } from '../../store/router-offering.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { networkOfferingFields, presentNetworkOffering } from './response.ts';

const provider = 'VirtualRouter';

/** createNetworkOffering: which services the networks of the offering have. Comes Disabled unless `enable`. */
export const createNetworkOffering = syncCommand({
  name: 'createNetworkOffering',
  description: 'Creates a network offering',
  roles: ['Admin'],
  parameters: {
    name: p.name.required('Its name'),
    displaytext: p.text.optional('Its description; its name by default'),
    traffictype: p.oneOf('Guest').required('GUEST'),
    guestiptype: p.oneOf('Isolated').required('Isolated'),
    supportedservices: p.textList.required('Its services, comma-separated', { maxLength: 1024 }),
    serviceproviderlist: p.map.optional('service and provider of each service: VirtualRouter', { maxLength: 8192 }),
    servicecapabilitylist: p.map.optional('Taken and ignored: the router has all of its capabilities', {
      maxLength: 8192,
    }),
    availability: p.oneOf('Optional', 'Required').optional('Optional or Required'),
    conservemode: p.boolean.optional('Whether an address may serve several services; true by default'),
    egressdefaultpolicy: p.boolean.optional('True: egress is allowed where no rule denies it; false by default'),
    ispersistent: p.boolean.optional('Whether a network keeps its router without instances'),
    specifyvlan: p.boolean.optional('Must be false'),
    specifyipranges: p.boolean.optional('Must be false'),
    networkrate: p.integer(0, 1_000_000).optional('Mbit/s'),
    serviceofferingid: p.entity('service_offering').optional('The offering of its routers'),
    enable: p.boolean.optional('True: Enabled at once'),
  },
  responseKey: 'networkoffering',
  responseFields: networkOfferingFields,
  handler: async ({ db, event }, parameters) => {
    for (const name of ['specifyvlan', 'specifyipranges'] as const) {
      if (parameters[name] === true) throw parameterError(name, 'true', 'false for isolated networks');
    }
    if (parameters.serviceofferingid !== undefined && !parameters.serviceofferingid.is_system) {
      throw parameterError('serviceofferingid', parameters.serviceofferingid.id, 'an offering for virtual routers');
    }
    const services = parameters.supportedservices.map((name) => serviceNamed(name));
    for (const { service, provider: named } of parameters.serviceproviderlist ?? []) {
      if (named?.toLowerCase() !== provider.toLowerCase()) {
        throw parameterError('serviceproviderlist', named, `${provider} as the provider of ${service}`);
      }
    }
    if (!services.includes('SourceNat') && services.some((name) => name === 'PortForwarding' || name === 'StaticNat')) {
      throw parameterError('supportedservices', services.join(','), 'SourceNat beside PortForwarding and StaticNat');
    }
    const taken = await db
      .selectFrom('network_offering')
      .select('id')
      .where('name', '=', parameters.name)
      .executeTakeFirst();
    if (taken !== undefined) throw parameterError('name', parameters.name, 'a name that no other network offering has');
    const row = await db
      .insertInto('network_offering')
      .values({
        name: parameters.name,
        display_text: parameters.displaytext ?? parameters.name,
        guest_ip_type: parameters.guestiptype,
        state: parameters.enable === true ? 'Enabled' : 'Disabled',
        availability: parameters.availability ?? 'Optional',
        conserve_mode: parameters.conservemode ?? true,
        egress_default_allow: parameters.egressdefaultpolicy ?? false,
        is_persistent: parameters.ispersistent ?? false,
        network_rate: parameters.networkrate ?? null,
        service_offering_id: parameters.serviceofferingid?.id ?? null,
        services: JSON.stringify(Object.fromEntries(services.map((name) => [name, [provider]]))),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('NETWORK.OFFERING.CREATE', `Created network offering ${row.name}`, {
      type: 'NetworkOffering',
      id: row.id,
    });
    return presentNetworkOffering(row, await defaultRouterOffering(db));
  },
});

function serviceNamed(name: string): string {
  const found = routerServices.find((service) => service.toLowerCase() === name.toLowerCase());
  if (found === undefined)
    throw parameterError('supportedservices', name, `services among ${routerServices.join(', ')}`);
  return found;
}
