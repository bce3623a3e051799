import {
  type InternetProtocol,
  type NetworkMode,
  offeredServices,
  serviceProvider,
} from '../../model/network-offering.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedFlag, unservedParameter } from '../unserved.ts';
import { networkOfferingFields, presentNetworkOfferingById } from './response.ts';

const mapOptions = { maxLength: 8192 };

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
    internetprotocol: p.oneOf('ipv4', 'dualstack').optional('ipv4, the default, or dualstack: IPv6 beside it'),
    networkmode: p.oneOf<NetworkMode>('NATTED', 'ROUTED').optional('NATTED, the default, or ROUTED: without NAT'),
    routingmode: p.oneOf('Static').optional('Of ROUTED: Static, since there is no dynamic routing'),
    supportedservices: p.textList.required('Its services, comma-separated', { maxLength: 1024 }),
    serviceproviderlist: p.map.optional('service and provider of each service: VirtualRouter', mapOptions),
    servicecapabilitylist: p.map.optional(
      'service, capabilitytype and capabilityvalue: those that listSupportedNetworkServices tells',
      mapOptions,
    ),
    availability: p.oneOf('Optional', 'Required').optional('Optional or Required'),
    conservemode: p.boolean.optional('Whether an address may serve several services; true by default'),
    egressdefaultpolicy: p.boolean.optional('True: egress is allowed where no rule denies it; false by default'),
    ispersistent: p.boolean.optional('Whether a network keeps its router without instances'),
    networkrate: p.integer(0, 1_000_000).optional('Mbit/s; told to clients, not enforced'),
    maxconnections: p.integer(1, 1_000_000).optional('Connections of all load balancers of a router at once'),
    keepaliveenabled: p.boolean.optional('Taken and ignored: connections are kept alive'),
    serviceofferingid: p.entity('service_offering').optional('The offering of its routers'),
    domainid: p.entities('domain').optional("Domains that it is for, with those below; by default everybody's"),
    zoneid: p.entities('zone').optional('Zones that it is for; by default all'),
    tags: p.text.optional('Tags of the physical network, comma-separated'),
    enable: p.boolean.optional('True: Enabled at once'),
    specifyvlan: unservedFlag('the segment of an isolated network is chosen by the zone'),
    specifyipranges: unservedFlag('the addresses of an isolated network are its own'),
    specifyasnumber: unservedFlag('there is no dynamic routing'),
    forvpc: unservedFlag('there are no VPCs'),
    fornsx: unservedFlag('there is no NSX'),
    fortungsten: unservedFlag('there is no Tungsten'),
    provider: unservedParameter('services are provided by virtual routers'),
    details: unservedParameter('offerings have no further details', 'map'),
  },
  responseKey: 'networkoffering',
  responseFields: networkOfferingFields,
  handler: async ({ db, event }, parameters) => {
    if (parameters.serviceofferingid !== undefined && !parameters.serviceofferingid.is_system) {
      throw parameterError('serviceofferingid', parameters.serviceofferingid.id, 'an offering for virtual routers');
    }
    const networkMode = parameters.networkmode ?? 'NATTED';
    if (parameters.routingmode !== undefined && networkMode !== 'ROUTED') {
      throw parameterError('routingmode', parameters.routingmode, 'networkmode=ROUTED beside it');
    }
    const internetProtocol: InternetProtocol = parameters.internetprotocol === 'dualstack' ? 'DualStack' : 'IPv4';
    const services = offeredServices({ ...parameters, networkMode, internetProtocol });
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
        services: JSON.stringify(Object.fromEntries(services.map((name) => [name, [serviceProvider]]))),
        internet_protocol: internetProtocol,
        network_mode: networkMode,
        tags: parameters.tags ?? null,
        domain_ids: JSON.stringify(parameters.domainid?.map(({ id }) => id) ?? []),
        zone_ids: JSON.stringify(parameters.zoneid?.map(({ id }) => id) ?? []),
        max_connections: parameters.maxconnections ?? null,
      })
      .returning(['id', 'name'])
      .executeTakeFirstOrThrow();
    await event('NETWORK.OFFERING.CREATE', `Created network offering ${row.name}`, {
      type: 'NetworkOffering',
      id: row.id,
    });
    return presentNetworkOfferingById(db, row.id);
  },
});
