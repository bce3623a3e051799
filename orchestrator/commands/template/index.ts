import type { Command } from '../declaration.ts';
import { listTemplates } from './list-templates.ts';

/** Commands on templates. */
export const commands: readonly Command[] = [listTemplates];
