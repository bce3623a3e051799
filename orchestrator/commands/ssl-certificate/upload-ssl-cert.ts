import { checkCertificate } from '../../model/ssl-certificate.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { certificateResponseFields, presentCertificates } from './response.ts';

export const uploadSslCert = syncCommand({
  name: 'uploadSslCert',
  description:
    'Takes a certificate with its private key, for load balancer rules of protocol ssl. The key is kept sealed and never told.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    name: p.name.required('Its name'),
    certificate: p.opaque.required('The certificate in PEM', { maxLength: 65_536 }),
    privatekey: p.opaque.required('The private key in PEM', { maxLength: 65_536, secret: true }),
    certchain: p.opaque.optional('Certificates in PEM of the authorities that lead from the certificate upwards', {
      maxLength: 65_536,
    }),
    password: p.opaque.optional('The password of the private key, where it is encrypted', {
      maxLength: 1024,
      secret: true,
    }),
    enabledrevocationcheck: p.boolean.optional(
      'Accepted for the clients that send it: nobody is asked whether the certificate is revoked',
    ),
    account: p.text.optional('The account to keep it for; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The account's domain"),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: 'sslcert',
  responseFields: certificateResponseFields,
  handler: async (context, parameters) => {
    const { db } = context;
    const { accountId, domainId } = await context.owner(parameters);
    const checked = checkCertificate(parameters, new Date());
    const row = await db
      .insertInto('ssl_certificate')
      .values({
        name: parameters.name,
        certificate: checked.certificate,
        chain: checked.chain,
        sealed_private_key: context.orchestration.sealSecret(checked.privateKey),
        fingerprint: checked.fingerprint,
        names: [...checked.names],
        account_id: accountId,
        domain_id: domainId,
      })
      .onConflict((conflict) => conflict.columns(['account_id', 'name']).doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) {
      throw parameterError('name', parameters.name, 'a name that no other certificate of the account has');
    }
    await context.event('SSL.CERT.UPLOAD', `Uploaded certificate ${row.name}`, {
      type: 'SslCert',
      id: row.id,
      owner: { accountId, domainId },
    });
    return (await presentCertificates(db, [row]))[0] ?? {};
  },
});
