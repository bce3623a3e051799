import { asyncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { isBuiltIn } from './response.ts';

/** deleteTemplate: the template and its disk go; hosts forget the disk in their own time. */
export const deleteTemplate = asyncCommand({
  name: 'deleteTemplate',
  description: 'Deletes a template that no instance was deployed from',
  roles: ['Admin'],
  parameters: {
    id: p.entity('template').required('The template'),
    zoneid: p.entity('zone').optional('Accepted for the clients that send it: a template is in every zone'),
    forced: p.boolean.optional('Accepted for the clients that send it'),
    issystem: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'TEMPLATE.DELETE',
  instanceType: 'Template',
  creates: false,
  prepare: async ({ db }, { id: template }) => {
    if (isBuiltIn(template)) {
      throw new ApiError('parameter', `The template ${template.name} of parameter id is built in: expected another`);
    }
    // A stronger lock than a new instance's: it waits for those that are being deployed from it.
    await db.selectFrom('template').select('id').where('id', '=', template.id).forUpdate().execute();
    const machine = await db
      .selectFrom('virtual_machine')
      .select(['name', 'state'])
      .where('template_id', '=', template.id)
      .orderBy('name')
      .executeTakeFirst();
    if (machine !== undefined) {
      const named = `${machine.name} (${machine.state})`;
      throw new ApiError('inUse', `Template ${template.name} has instances, such as ${named}: expected all expunged`);
    }
    // Nothing is deployed from it from now on.
    await db
      .updateTable('template')
      .set({ state: 'Error', reason: 'it is being deleted' })
      .where('id', '=', template.id)
      .execute();
    return { id: template.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.deleteTemplate(id);
    return { success: true };
  },
});
