import { sql } from 'kysely';
import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { certificateResponseFields, presentCertificates } from './response.ts';

// A sync command, as on the field: it lists what it is asked for by id, else the certificates of the caller's account.
export const listSslCerts = syncCommand({
  name: 'listSslCerts',
  description: "Lists certificates: by default those of the caller's account",
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    certid: p.entity('ssl_certificate').optional('The certificate'),
    accountid: p.entity('account').optional('List by account'),
    lbruleid: p
      .entity('load_balancer_rule')
      .optional('List what is assigned to this rule, the default certificate first'),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: null,
  responseFields: certificateResponseFields,
  handler: async ({ db, caller }, { certid, accountid, lbruleid }) => {
    let query = db.selectFrom('ssl_certificate').selectAll();
    if (certid !== undefined) query = query.where('id', '=', certid.id);
    if (lbruleid !== undefined) query = query.where(sql<boolean>`id = any(${lbruleid.certificate_ids}::uuid[])`);
    if (accountid !== undefined) query = query.where('account_id', '=', accountid.id);
    if (certid === undefined && lbruleid === undefined && accountid === undefined) {
      query = query.where('account_id', '=', caller.accountId);
    }
    const rows = await query.orderBy('created').orderBy('id').execute();
    const order = lbruleid?.certificate_ids ?? [];
    rows.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
    return rows.length === 0 ? {} : { count: rows.length, sslcert: await presentCertificates(db, rows) };
  },
});
