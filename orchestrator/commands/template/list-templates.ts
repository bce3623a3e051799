import { listCommand } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

/** listTemplates: every template is public yet, so each filter but community and sharedexecutable finds all of them. */
export const listTemplates = listCommand({
  name: 'listTemplates',
  description: 'Lists templates',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'template',
  keywordColumns: ['name', 'display_text'],
  order: ['created'],
  parameters: {
    templatefilter: p
      .oneOf('featured', 'self', 'selfexecutable', 'sharedexecutable', 'executable', 'community', 'all')
      .required('featured, self, selfexecutable, sharedexecutable, executable, community or all'),
    name: p.text.optional('Those of this name'),
    hypervisor: p.text.optional('Those of this hypervisor'),
    zoneid: p.entity('zone').optional('Those of this zone'),
  },
  responseKey: 'template',
  responseFields: {
    id: field.string('The id of the template'),
    name: field.string('Its name'),
    displaytext: field.string('Its description'),
    format: field.string('Format of its image'),
    hypervisor: field.string('Its hypervisor'),
    ispublic: field.boolean('Whether every account may take it'),
    isfeatured: field.boolean('Whether it is shown first'),
    isready: field.boolean('Whether it can be deployed'),
    isextractable: field.boolean('Always false'),
    passwordenabled: field.boolean('Always false'),
    crossZones: field.boolean('True: it is in every zone'),
    created: field.date('When it was registered'),
    size: field.long('Bytes'),
    status: field.string('Download Complete'),
    templatetype: field.string('BUILTIN'),
    ostypeid: field.string('Its OS type'),
    ostypename: field.string("The OS type's name"),
    account: field.string('Its account'),
    domainid: field.string('Its domain'),
    domain: field.string("The domain's name"),
    tags: field.set('Resource tags'),
  },
  filter: (query, { name, hypervisor, templatefilter }, { caller }) => {
    let narrowed = query;
    if (name !== undefined) narrowed = narrowed.where('template.name', '=', name);
    if (hypervisor !== undefined) narrowed = narrowed.where('template.hypervisor', '=', hypervisor);
    switch (templatefilter) {
      case 'featured':
        return narrowed.where('template.is_featured', '=', true);
      case 'self':
      case 'selfexecutable':
        return narrowed.where('template.account_id', '=', caller.accountId);
      case 'community':
        return narrowed.where('template.is_public', '=', true).where('template.is_featured', '=', false);
      case 'sharedexecutable':
        return narrowed.where(({ lit }) => lit(false));
      case 'executable':
      case 'all':
        return narrowed;
    }
  },
  present: async ({ db }, rows) => {
    const osTypes = await rowsById(
      db,
      'os_type',
      rows.map((row) => row.os_type_id),
    );
    const accounts = await rowsById(
      db,
      'account',
      rows.map((row) => row.account_id),
    );
    const domains = await rowsById(
      db,
      'domain',
      rows.map((row) => row.domain_id),
    );
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      displaytext: row.display_text,
      format: row.format,
      hypervisor: row.hypervisor,
      ispublic: row.is_public,
      isfeatured: row.is_featured,
      isready: true,
      isextractable: false,
      passwordenabled: false,
      crossZones: true,
      created: row.created,
      size: Number(row.size),
      status: 'Download Complete',
      templatetype: 'BUILTIN',
      ostypeid: row.os_type_id,
      ostypename: osTypes.get(row.os_type_id)?.description,
      account: accounts.get(row.account_id)?.name,
      domainid: row.domain_id,
      domain: domains.get(row.domain_id)?.name,
      tags: [],
    }));
  },
});
