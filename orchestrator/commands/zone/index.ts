import type { Command } from '../declaration.ts';
import { createZone } from './create-zone.ts';
import { listZones } from './list-zones.ts';
import { updateZone } from './update-zone.ts';

/** Commands on zones. */
export const commands: readonly Command[] = [createZone, updateZone, listZones];
