import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedFlag, unservedParameter } from '../unserved.ts';
import { isBuiltIn, presentTemplates, templateResponseFields } from './response.ts';

export const updateTemplate = syncCommand({
  name: 'updateTemplate',
  description: 'Updates what is said of a template',
  roles: ['Admin'],
  parameters: {
    id: p.entity('template').required('The template'),
    name: p.name.optional('Its name; that of a built-in one stays'),
    displaytext: p.text.optional('Its description', { maxLength: 4096 }),
    ostypeid: p.entity('os_type').optional('Its OS type'),
    passwordenabled: p.boolean.optional('True: instances deployed from now on get a password'),
    sshkeyenabled: p.boolean.optional('True: its instances take SSH keys; it is told, and changes nothing'),
    sortkey: p.integer(0, 2_147_483_647).optional('Accepted for the clients that send it'),
    requireshvm: p.boolean.optional('Accepted for the clients that send it'),
    forceupdateostype: p.boolean.optional('Accepted for the clients that send it'),
    format: unservedParameter('a template keeps the format of its disk'),
    isdynamicallyscalable: unservedFlag('instances keep their size while they run'),
    isrouting: unservedFlag('routers are made from signed images alone'),
    bootable: unservedFlag('every template is'),
    forcks: unservedFlag('there are no Kubernetes clusters'),
    cleanupdetails: unservedFlag('templates have no details'),
    templatetag: unservedParameter('there are no template tags'),
    templatetype: unservedParameter('a registered template is of type USER'),
    arch: unservedParameter('a template has the architecture of the hosts'),
    details: unservedParameter('templates have no details', 'map'),
  },
  responseKey: 'template',
  responseFields: templateResponseFields,
  handler: async (context, { id: template, name, displaytext, ostypeid, passwordenabled, sshkeyenabled }) => {
    if (name !== undefined && (isBuiltIn(template) || name.startsWith('isthmus-'))) {
      throw parameterError('name', name, 'none for a built-in template, nor one that begins with isthmus-');
    }
    const row = await context.db
      .updateTable('template')
      .set({
        name: name ?? template.name,
        display_text: displaytext ?? template.display_text,
        os_type_id: ostypeid?.id ?? template.os_type_id,
        password_enabled: passwordenabled ?? template.password_enabled,
        ssh_key_enabled: sshkeyenabled ?? template.ssh_key_enabled,
      })
      .where('id', '=', template.id)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw parameterError('id', template.id, 'a template that is not deleted already');
    const resource = { type: 'Template', id: row.id, owner: { accountId: row.account_id, domainId: row.domain_id } };
    await context.event('TEMPLATE.UPDATE', `Updated template ${row.name}`, resource);
    return (await presentTemplates(context, [row]))[0] ?? {};
  },
});
