// The resources that a call names, each checked to be the caller's.
import { resolveEntity } from '../arguments.ts';
import type { CommandContext } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { type ResourceType, resourceTypes, taggable } from './resource-types.ts';

/** Parameters that createTags and deleteTags share. */
export const targetParameters = {
  resourcetype: p.oneOf(...resourceTypes).required('What is tagged, such as UserVm or Network'),
  resourceids: p.textList.required('The ids of what is tagged, comma-separated', { maxLength: 4096 }),
};

/** What is tagged, and whose it is. */
export interface Target {
  readonly id: string;
  readonly account_id: string;
  readonly domain_id: string;
}

/** Throws 431 where an id names nothing, 531 where it names what is not the caller's. */
export async function resolveTargets(
  { db, caller }: CommandContext,
  resourceType: ResourceType,
  ids: readonly string[],
): Promise<Target[]> {
  const targets: Target[] = [];
  for (const text of new Set(ids)) {
    const row = await resolveEntity(db, caller, 'resourceids', taggable[resourceType], text);
    const { id, account_id: accountId, domain_id: domainId } = row as Readonly<Record<string, unknown>>;
    if (typeof accountId !== 'string' || typeof domainId !== 'string') {
      throw parameterError('resourceids', text, `a ${resourceType} that somebody owns`);
    }
    if (caller.role !== 'Admin' && resourceType === 'Template' && accountId !== caller.accountId) {
      throw parameterError('resourceids', text, 'a template of the account itself');
    }
    targets.push({ id: String(id), account_id: accountId, domain_id: domainId });
  }
  return targets;
}
