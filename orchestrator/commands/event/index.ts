import type { Command } from '../declaration.ts';
import { listEvents } from './list-events.ts';

export const commands: readonly Command[] = [listEvents];
