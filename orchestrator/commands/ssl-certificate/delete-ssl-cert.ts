import { sql } from 'kysely';
import { syncCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

export const deleteSslCert = syncCommand({
  name: 'deleteSslCert',
  description: 'Deletes a certificate that no load balancer rule has, and its private key',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('ssl_certificate').required('The certificate') },
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db, event }, { id: { id } }) => {
    // Whoever assigns it holds it until it is written down that the rule has it.
    const row = await db
      .selectFrom('ssl_certificate')
      .select(['name', 'account_id', 'domain_id'])
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw parameterError('id', id, 'a certificate that is not deleted already');
    const rules = await db
      .selectFrom('load_balancer_rule')
      .select('name')
      .where(sql<boolean>`certificate_ids @> array[${id}::uuid] or previous -> 'certificate_ids' ? ${id}`)
      .limit(5)
      .execute();
    if (rules.length > 0) {
      const names = rules.map(({ name }) => name).join(', ');
      throw new ApiError(
        'inUse',
        `Certificate ${row.name} (id) is assigned to load balancer rules: ${names}: expected one that no rule has, by removeCertFromLoadBalancer`,
      );
    }
    await db.deleteFrom('ssl_certificate').where('id', '=', id).execute();
    await event('SSL.CERT.DELETE', `Deleted certificate ${row.name}`, {
      type: 'SslCert',
      id,
      owner: { accountId: row.account_id, domainId: row.domain_id },
    });
    return { success: true };
  },
});
