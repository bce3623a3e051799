// The services of a router. A service of a new feature goes into this list.
import { createDnsmasqService } from './dnsmasq/dnsmasq.ts';
import { createHaproxyService } from './haproxy/haproxy.ts';
import { createMetadataService } from './metadata/metadata.ts';
import { createMeteringService } from './metering/metering.ts';
import { createIpv6NetfilterService } from './netfilter/ipv6-service.ts';
import { createNetfilterService } from './netfilter/netfilter.ts';
import { createRoutingService } from './routing/routing.ts';
import type { RouterService, ServiceContext } from './service.ts';
import { createSystemService } from './system.ts';

export { widenNeighbourTables } from './neighbour-table.ts';
export * from './service.ts';

/**
 * The services of a router in the order in which a change is applied: kernel settings, then the rules, then addresses,
 * routes and, with them, forwarding, then the daemons. Until the rules stand there is nothing to forward.
 */
export function createRouterServices(context: ServiceContext): RouterService[] {
  return [
    createSystemService(context),
    createNetfilterService(context),
    createIpv6NetfilterService(context),
    createMeteringService(context),
    createRoutingService(context),
    createDnsmasqService(context),
    createMetadataService(context),
    createHaproxyService(context),
  ];
}
