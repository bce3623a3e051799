import { userDataPolicies } from '../../model/user-data.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentTemplates, templateResponseFields } from '../template/response.ts';
import { unservedParameter } from '../unserved.ts';

export const linkUserDataToTemplate = syncCommand({
  name: 'linkUserDataToTemplate',
  description:
    'Gives a template user data that its instances read; without userdataid takes it away. Later instances alone.',
  roles: ['Admin'],
  parameters: {
    templateid: p.entity('template').required('The template'),
    userdataid: p.entity('user_data').optional('The user data'),
    userdatapolicy: p
      .oneOf(...userDataPolicies)
      .optional("What an instance's own user data does: ALLOWOVERRIDE (the default), APPEND or DENYOVERRIDE"),
    isoid: unservedParameter('there are no ISOs', 'uuid'),
  },
  responseKey: 'template',
  responseFields: templateResponseFields,
  handler: async (context, { templateid, userdataid, userdatapolicy }) => {
    const { db } = context;
    if (userdataid === undefined && userdatapolicy !== undefined) {
      throw parameterError('userdatapolicy', userdatapolicy, 'userdataid beside it');
    }
    const row = await db
      .updateTable('template')
      .set({
        user_data_id: userdataid?.id ?? null,
        user_data_policy: userdataid === undefined ? null : (userdatapolicy ?? 'ALLOWOVERRIDE'),
      })
      .where('id', '=', templateid.id)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw parameterError('templateid', templateid.id, 'a template that is not deleted already');
    const resource = { type: 'Template', id: row.id, owner: { accountId: row.account_id, domainId: row.domain_id } };
    const what = userdataid === undefined ? 'No user data' : `User data ${userdataid.name}`;
    await context.event('TEMPLATE.UPDATE', `${what} is linked to template ${row.name}`, resource);
    return (await presentTemplates(context, [row]))[0] ?? {};
  },
});
