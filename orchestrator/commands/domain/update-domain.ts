import { sql } from 'kysely';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { type Parameter, p } from '../parameter.ts';
import { domainName } from './create-domain.ts';
import { domainFields, presentDomain } from './response.ts';

const newName: Parameter<string, false> = { ...domainName, required: false, description: 'New name of the domain' };

/** Renames a domain, with the paths of those below it, or changes the DNS domain of its networks to come. */
export const updateDomain = syncCommand({
  name: 'updateDomain',
  description: 'Updates a domain',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    id: p.entity('domain').required('The domain'),
    name: newName,
    networkdomain: p.fqdn.optional('DNS domain of the networks of the domain'),
  },
  responseKey: 'domain',
  responseFields: domainFields,
  handler: async (context, { id: domain, name = domain.name, networkdomain }) => {
    const { db } = context;
    if (domain.parent_id === null && name !== domain.name) throw parameterError('name', name, 'ROOT for domain ROOT');
    const above = domain.path.slice(0, domain.path.length - domain.name.length - 1);
    const path = domain.parent_id === null ? '/' : `${above}${name}/`;
    const taken = await db
      .selectFrom('domain')
      .select('id')
      .where('path', '=', path)
      .where('id', '!=', domain.id)
      .executeTakeFirst();
    if (taken !== undefined) throw parameterError('name', name, 'a name that no domain beside it has');
    await db
      .updateTable('domain')
      .set({ path: sql`${path} || substr(path, ${domain.path.length + 1}::int)` })
      .where(sql<boolean>`starts_with(path, ${domain.path})`)
      .execute();
    const network_domain = networkdomain ?? domain.network_domain;
    await db.updateTable('domain').set({ name, network_domain }).where('id', '=', domain.id).execute();
    await context.event('DOMAIN.UPDATE', `Domain ${name} is updated`, { type: 'Domain', id: domain.id });
    return presentDomain(db, domain.id);
  },
});
