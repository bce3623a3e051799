import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { unservedParameter } from '../unserved.ts';

export const deleteSSHKeyPair = syncCommand({
  name: 'deleteSSHKeyPair',
  description: 'Forgets an SSH key pair. Instances that have its key keep it.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    name: p.name.required('Its name'),
    account: p.text.optional('The account that owns it; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The account's domain"),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: null,
  responseFields: successFields,
  handler: async (context, { name, ...named }) => {
    const owner = await context.owner(named);
    const row = await context.db
      .deleteFrom('ssh_key_pair')
      .where('account_id', '=', owner.accountId)
      .where('name', '=', name)
      .returning('id')
      .executeTakeFirst();
    if (row === undefined) throw parameterError('name', name, 'the name of an SSH key pair of the account');
    await context.event('DELETE.SSH.KEYPAIR', `Deleted SSH key pair ${name}`, {
      type: 'SSHKeyPair',
      id: row.id,
      owner,
    });
    return { success: true };
  },
});
