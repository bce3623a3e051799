// The certificate that console proxies show to browsers. Pure but for the time of day.
import { X509Certificate } from 'node:crypto';
import { parameterError } from './api-error.ts';
import { domainOfSuffix } from './console-socket.ts';
import {
  type CheckedCertificate,
  checkCertificate,
  isIssuedBy,
  isSelfSigned,
  pemOf,
  readCertificate,
} from './ssl-certificate.ts';

const advice = 'those of its authorities are uploaded one by one, with an id each';

/** The texts of an upload, PEM; `domainsuffix` as `*.console.example.org`. */
export interface CustomCertificateUpload {
  readonly certificate: string;
  readonly privatekey: string;
  readonly domainsuffix: string;
}

/** A domain that proxies may be below. Throws 431. */
export function checkDomainSuffix(suffix: string): string {
  const domain = domainOfSuffix(suffix);
  const labels = domain.split('.');
  const isDomain = labels.length > 1 && labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (!isDomain || domain.length > 230) {
    throw parameterError('domainsuffix', suffix, 'a domain with its wildcard, such as *.console.example.org');
  }
  return domain;
}

/** Checks a certificate with its key: that it is the key's, valid, and for the names below the suffix. Throws 431. */
export function checkCustomCertificate(upload: CustomCertificateUpload, now: Date): CheckedCertificate {
  const domain = checkDomainSuffix(upload.domainsuffix);
  const checked = checkCertificate(upload, now);
  if (new X509Certificate(checked.certificate).checkHost(`192-0-2-1.${domain}`) === undefined) {
    throw parameterError(
      'domainsuffix',
      upload.domainsuffix,
      `a domain whose wildcard is in the certificate, which is for ${checked.names.join(', ') || 'no name'}`,
    );
  }
  return checked;
}

/** Checks the certificate of an authority; answers with its PEM. Throws 431. */
export function checkAuthorityCertificate(pem: string, now: Date): string {
  const certificate = readCertificate('certificate', pem, advice, now);
  if (!certificate.ca) {
    throw parameterError(
      'certificate',
      certificate.subject,
      'the certificate of an authority, or privatekey beside it',
    );
  }
  return pemOf(certificate);
}

/** PEM of a certificate and of those of `others` that lead from it upwards; a root is left out, which browsers have. */
export function customCertificateChain(certificate: string, others: readonly string[]): string {
  const left = new Set(others.map((pem) => new X509Certificate(pem)));
  const chain = [new X509Certificate(certificate)];
  for (let last = chain[0]; last !== undefined && !isSelfSigned(last); ) {
    const below: X509Certificate = last;
    const issuer = [...left].find((each) => isIssuedBy(below, each));
    if (issuer === undefined || isSelfSigned(issuer)) break;
    left.delete(issuer);
    chain.push(issuer);
    last = issuer;
  }
  return chain.map(pemOf).join('');
}
