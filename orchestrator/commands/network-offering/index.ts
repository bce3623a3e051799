import type { Command } from '../declaration.ts';
import { createNetworkOffering } from './create-network-offering.ts';
import { deleteNetworkOffering } from './delete-network-offering.ts';
import { listNetworkOfferings } from './list-network-offerings.ts';
import { listSupportedNetworkServices } from './list-supported-network-services.ts';
import { updateNetworkOffering } from './update-network-offering.ts';

/** Commands on network offerings. */
export const commands: readonly Command[] = [
  createNetworkOffering,
  updateNetworkOffering,
  listNetworkOfferings,
  deleteNetworkOffering,
  listSupportedNetworkServices,
];
