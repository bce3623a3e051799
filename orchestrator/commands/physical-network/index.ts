import type { Command } from '../declaration.ts';
import { addTrafficType } from './add-traffic-type.ts';
import { configureVirtualRouterElement } from './configure-virtual-router-element.ts';
import { createPhysicalNetwork } from './create-physical-network.ts';
import { listNetworkServiceProviders } from './list-network-service-providers.ts';
import { listPhysicalNetworks } from './list-physical-networks.ts';
import { listTrafficTypes } from './list-traffic-types.ts';
import { listVirtualRouterElements } from './list-virtual-router-elements.ts';
import { updateNetworkServiceProvider } from './update-network-service-provider.ts';
import { updatePhysicalNetwork } from './update-physical-network.ts';

/** Commands on physical networks, their traffic types and providers. */
export const commands: readonly Command[] = [
  createPhysicalNetwork,
  updatePhysicalNetwork,
  listPhysicalNetworks,
  addTrafficType,
  listTrafficTypes,
  listNetworkServiceProviders,
  updateNetworkServiceProvider,
  listVirtualRouterElements,
  configureVirtualRouterElement,
];
