import type { Command } from '../declaration.ts';
import { associateIpAddress } from './associate-ip-address.ts';
import { disassociateIpAddress } from './disassociate-ip-address.ts';
import { listPublicIpAddresses } from './list-public-ip-addresses.ts';
import { releaseIpAddress } from './release-ip-address.ts';
import { reserveIpAddress } from './reserve-ip-address.ts';
import { updateIpAddress } from './update-ip-address.ts';

export const commands: readonly Command[] = [
  associateIpAddress,
  disassociateIpAddress,
  reserveIpAddress,
  releaseIpAddress,
  updateIpAddress,
  listPublicIpAddresses,
];
