import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { domainFields, presentDomains } from './response.ts';

/** The domains that the caller may see: its own, with `listall` those below it too. */
export const listDomains = listCommand({
  name: 'listDomains',
  description: 'Lists domains',
  roles: ['Admin', 'DomainAdmin'],
  entity: 'domain',
  parameters: {
    name: p.text.optional('List the domains of this name'),
    level: p.integer(0, 1000).optional('List the domains this far below ROOT'),
  },
  responseKey: 'domain',
  responseFields: domainFields,
  keywordColumns: ['name'],
  order: ['path'],
  filter: (query, { name, level }) => {
    let filtered = query;
    if (name !== undefined) filtered = filtered.where('domain.name', '=', name);
    if (level !== undefined) filtered = filtered.where('domain.level', '=', level);
    return filtered;
  },
  present: ({ db }, rows) => presentDomains(db, rows),
});
