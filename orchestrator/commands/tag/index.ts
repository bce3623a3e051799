import type { Command } from '../declaration.ts';
import { createTags } from './create-tags.ts';
import { deleteTags } from './delete-tags.ts';
import { listTags } from './list-tags.ts';

export const commands: readonly Command[] = [createTags, deleteTags, listTags];
