import { InvalidValueError } from '@isthmus/net';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { type Parameter, p } from '../parameter.ts';
import { domainFields, presentDomain } from './response.ts';

const text = p.name.required('Name of the domain', { maxLength: 100 });

/** A domain's name: a slash would be another level of its path. */
export const domainName: Parameter<string, true> = {
  ...text,
  parse: (value) => {
    if (value.includes('/')) throw new InvalidValueError(value, 'a name without a slash');
    return text.parse(value);
  },
};

/** Makes a domain below another. */
export const createDomain = syncCommand({
  name: 'createDomain',
  description: 'Creates a domain',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    name: domainName,
    parentdomainid: p.entity('domain').optional('The domain above; without it that of the caller'),
    networkdomain: p.fqdn.optional('DNS domain of the networks of the domain'),
  },
  responseKey: 'domain',
  responseFields: domainFields,
  handler: async (context, { name, parentdomainid, networkdomain }) => {
    const { db } = context;
    const parent = await db
      .selectFrom('domain')
      .selectAll()
      .where('id', '=', parentdomainid?.id ?? context.caller.domainId)
      .executeTakeFirstOrThrow();
    const domain = await db
      .insertInto('domain')
      .values({
        name,
        path: `${parent.path}${name}/`,
        parent_id: parent.id,
        level: parent.level + 1,
        network_domain: networkdomain ?? null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    if (domain === undefined) throw parameterError('name', name, `a name that no domain below ${parent.name} has`);
    await context.event('DOMAIN.CREATE', `Domain ${name} is made`, { type: 'Domain', id: domain.id });
    return presentDomain(db, domain.id);
  },
});
