import type { Command } from '../declaration.ts';
import { deleteTemplate } from './delete-template.ts';
import { listTemplates } from './list-templates.ts';
import { registerTemplate } from './register-template.ts';
import { updateTemplate } from './update-template.ts';

/** Commands on templates. */
export const commands: readonly Command[] = [registerTemplate, listTemplates, updateTemplate, deleteTemplate];
