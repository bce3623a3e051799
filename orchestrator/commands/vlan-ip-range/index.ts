import type { Command } from '../declaration.ts';
import { createVlanIpRange } from './create-vlan-ip-range.ts';
import { deleteVlanIpRange } from './delete-vlan-ip-range.ts';
import { listVlanIpRanges } from './list-vlan-ip-ranges.ts';
import { updateVlanIpRange } from './update-vlan-ip-range.ts';

/** Commands on ranges of public addresses. */
export const commands: readonly Command[] = [createVlanIpRange, updateVlanIpRange, deleteVlanIpRange, listVlanIpRanges];
