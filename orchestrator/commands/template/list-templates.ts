import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentTemplates, templateResponseFields } from './response.ts';

/** listTemplates: a filter finds what is the caller's to see: what is public, and what its account has. */
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
  responseFields: templateResponseFields,
  filter: (query, { name, hypervisor, templatefilter }, { caller }) => {
    let narrowed = query;
    if (name !== undefined) narrowed = narrowed.where('template.name', '=', name);
    if (hypervisor !== undefined) narrowed = narrowed.where('template.hypervisor', '=', hypervisor);
    if (caller.role !== 'Admin') {
      narrowed = narrowed.where(({ or, eb }) =>
        or([eb('template.is_public', '=', true), eb('template.account_id', '=', caller.accountId)]),
      );
    }
    switch (templatefilter) {
      case 'featured':
        return narrowed.where('template.is_featured', '=', true);
      case 'self':
        return narrowed.where('template.account_id', '=', caller.accountId);
      case 'selfexecutable':
        return narrowed.where('template.account_id', '=', caller.accountId).where('template.state', '=', 'Ready');
      case 'community':
        return narrowed.where('template.is_public', '=', true).where('template.is_featured', '=', false);
      case 'sharedexecutable':
        return narrowed.where(({ lit }) => lit(false));
      case 'executable':
        return narrowed.where('template.state', '=', 'Ready');
      case 'all':
        return narrowed;
    }
  },
  present: presentTemplates,
});
