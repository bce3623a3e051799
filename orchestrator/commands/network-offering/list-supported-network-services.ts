import { serviceProvider } from '../../model/network-offering.ts';
import { presentServices, routerServices } from '../../model/network-service.ts';
import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

// The services are of this release, not rows: so this list is a sync command.
export const listSupportedNetworkServices = syncCommand({
  name: 'listSupportedNetworkServices',
  description: 'Lists the services that networks may have, with their providers and capabilities',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    provider: p.text.optional('Those of this provider: VirtualRouter'),
    service: p.text.optional('The one of this name'),
    keyword: p.text.optional('Those whose name holds this'),
  },
  responseKey: null,
  responseFields: {
    name: field.string('The name of the service'),
    provider: field.list('Its providers', { name: field.string('The name of the provider') }),
    capability: field.list('Its capabilities', {
      name: field.string('The name of the capability'),
      value: field.string('Its value'),
      canchooseservicecapability: field.boolean('True: an offering may choose it'),
    }),
  },
  handler: async (_context, { provider, service, keyword }) => {
    const wanted = routerServices.filter(
      (name) =>
        (provider ?? serviceProvider).toLowerCase() === serviceProvider.toLowerCase() &&
        (service ?? name).toLowerCase() === name.toLowerCase() &&
        name.toLowerCase().includes((keyword ?? '').toLowerCase()),
    );
    if (wanted.length === 0) return {};
    const services = Object.fromEntries(wanted.map((name) => [name, [serviceProvider]]));
    return { count: wanted.length, networkservice: presentServices(services) };
  },
});
