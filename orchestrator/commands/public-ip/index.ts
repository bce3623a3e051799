import type { Command } from '../declaration.ts';
import { associateIpAddress } from './associate-ip-address.ts';
import { disassociateIpAddress } from './disassociate-ip-address.ts';
import { listPublicIpAddresses } from './list-public-ip-addresses.ts';

export const commands: readonly Command[] = [associateIpAddress, disassociateIpAddress, listPublicIpAddresses];
