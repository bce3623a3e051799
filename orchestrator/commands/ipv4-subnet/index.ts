import type { Command } from '../declaration.ts';
import { guestSubnetCommands } from './guest-subnets.ts';
import { zoneSubnetCommands } from './zone-subnets.ts';

/** Commands on the subnets of routed networks. */
export const commands: readonly Command[] = [...zoneSubnetCommands, ...guestSubnetCommands];
