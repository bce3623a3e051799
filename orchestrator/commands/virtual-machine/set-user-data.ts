import type { CommandContext } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { type GivenUserData, userDataOfInstance } from '../user-data/of-instance.ts';
import { touchMetadata } from './touch-metadata.ts';

/** Gives an instance other user data; its router is told in `settleNics`. Throws 431. */
export async function setUserData(
  context: Pick<CommandContext, 'db' | 'setting'>,
  { id, template_id: templateId }: Pick<EntityRow<'virtual_machine'>, 'id' | 'template_id'>,
  given: GivenUserData,
): Promise<void> {
  const columns = await userDataOfInstance(context, templateId, given);
  await context.db.updateTable('virtual_machine').set(columns).where('id', '=', id).execute();
  await touchMetadata(context.db, id);
}
