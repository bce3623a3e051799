import type { Command } from '../declaration.ts';
import { createDomain } from './create-domain.ts';
import { deleteDomain } from './delete-domain.ts';
import { listDomains } from './list-domains.ts';
import { updateDomain } from './update-domain.ts';

export const commands: readonly Command[] = [createDomain, updateDomain, deleteDomain, listDomains];
