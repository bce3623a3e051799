import { randomUUID } from 'node:crypto';
import {
  checkAuthorityCertificate,
  checkCustomCertificate,
  checkDomainSuffix,
} from '../../model/custom-certificate.ts';
import { ownSequence, putCustomCertificate } from '../../store/custom-certificate.ts';
import { asyncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

const uploaded =
  'The certificate was uploaded. Console proxies show it to new connections (that of an authority along with their own, ' +
  'once there is one); consoles that are open go on';

/** uploadCustomCertificate: with privatekey that of the proxies themselves, else of an authority above it, by `id`. */
export const uploadCustomCertificate = asyncCommand({
  name: 'uploadCustomCertificate',
  description: 'Takes the certificate that console proxies show to browsers. Its key is kept sealed and never told.',
  roles: ['Admin'],
  parameters: {
    certificate: p.opaque.required('The certificate in PEM', { maxLength: 65_536 }),
    domainsuffix: p.text.required('The domain whose wildcard the certificate is for, such as *.console.example.org'),
    privatekey: p.opaque.optional('The private key in PEM, PKCS #8', { maxLength: 65_536, secret: true }),
    id: p.integer(0, 100).optional('The place in the chain of the certificate of an authority, from 1'),
    name: p.name.optional('A name for the certificate'),
  },
  responseKey: 'customcertificate',
  responseFields: { message: field.string('What was done') },
  postOnly: true,
  eventType: 'UPLOAD.CUSTOM.CERTIFICATE',
  instanceType: 'None',
  creates: false,
  prepare: async ({ db, orchestration }, { certificate, domainsuffix, privatekey, id, name }) => {
    const base = { name: name ?? null, domain_suffix: checkDomainSuffix(domainsuffix) };
    if (privatekey !== undefined) {
      const checked = checkCustomCertificate({ certificate, privatekey, domainsuffix }, new Date());
      const sealed = orchestration.sealSecret(checked.privateKey);
      const row = { ...base, certificate: checked.certificate, sealed_private_key: sealed };
      await putCustomCertificate(db, ownSequence, row);
    } else {
      if (id === undefined || id === ownSequence) {
        throw new ApiError('parameter', 'Missing parameter privatekey: expected it, or id from 1 for an authority');
      }
      const authority = checkAuthorityCertificate(certificate, new Date());
      await putCustomCertificate(db, id, { ...base, certificate: authority, sealed_private_key: null });
    }
    return { id: randomUUID() };
  },
  execute: async ({ orchestration }) => {
    await orchestration.pushConsoleSettings();
    return { message: uploaded };
  },
});
