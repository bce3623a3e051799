import { templateWithoutHost } from '../../model/template-driver.ts';
import type { Caller, CommandContext } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';

type Template = EntityRow<'template'>;

/** Whether a template is a caller's to see: public ones are everyone's, the others their account's and root admins'. */
export function isTemplateVisible(caller: Caller, template: Pick<Template, 'is_public' | 'account_id'>): boolean {
  return template.is_public || caller.role === 'Admin' || template.account_id === caller.accountId;
}

/** Throws 431 where an instance of a template cannot be deployed in a zone, with the reason. */
export async function checkTemplateDeployable(
  { db, caller }: Pick<CommandContext, 'db' | 'caller'>,
  template: Template,
  zone: EntityRow<'zone'>,
): Promise<void> {
  if (!isTemplateVisible(caller, template)) {
    throw parameterError('templateid', template.id, 'the id of a template that is public, or of the account');
  }
  if (template.state !== 'Ready') {
    const why = template.reason ?? 'its disk is still being copied';
    throw parameterError('templateid', template.id, `a template that is ready; ${template.name} is not: ${why}`);
  }
  const hosts = await db.selectFrom('host').select('driver').where('zone_id', '=', zone.id).execute();
  const fault = templateWithoutHost(
    template,
    zone.name,
    hosts.map(({ driver }) => driver),
  );
  if (fault !== null) throw parameterError('templateid', template.id, `one that a host of the zone can run: ${fault}`);
}
