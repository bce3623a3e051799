import type { Command } from '../declaration.ts';
import { listOsTypes } from './list-os-types.ts';

/** Commands on OS types. */
export const commands: readonly Command[] = [listOsTypes];
