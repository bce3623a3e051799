import { syncCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { unservedParameter } from '../unserved.ts';

export const deleteUserData = syncCommand({
  name: 'deleteUserData',
  description: 'Forgets user data that no instance and no template has',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('user_data').required('The user data'),
    account: p.text.optional('Accepted for the clients that send it'),
    domainid: p.entity('domain').optional('Accepted for the clients that send it'),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db, event }, { id: { id } }) => {
    // Whoever links it holds the row until that is written down.
    const row = await db.selectFrom('user_data').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
    if (row === undefined) throw parameterError('id', id, 'user data that is not deleted already');
    const users = [
      ...(await db.selectFrom('template').select('name').where('user_data_id', '=', id).limit(3).execute()),
      ...(await db.selectFrom('virtual_machine').select('name').where('user_data_id', '=', id).limit(3).execute()),
    ];
    if (users.length > 0) {
      const names = users.map(({ name }) => name).join(', ');
      throw new ApiError('inUse', `User data ${row.name} (id) is linked to ${names}: expected one that nothing has`);
    }
    await db.deleteFrom('user_data').where('id', '=', id).execute();
    await event('DELETE.USER.DATA', `Deleted user data ${row.name}`, {
      type: 'UserData',
      id,
      owner: { accountId: row.account_id, domainId: row.domain_id },
    });
    return { success: true };
  },
});
