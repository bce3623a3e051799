// The `dns` section: lines of its records and their cross-references.
import type { DnsRecord } from '@isthmus/contract';
import { renderHost } from '@isthmus/dnsmasq-config';
import type { Fqdn } from '@isthmus/net';
import { dnsHostsLine, dnsIpv6HostsLine } from '@isthmus/templates/dns';
import type { EntryLine } from './dnsmasq/lines.ts';
import type { DocumentChange, DocumentFault } from './service.ts';

/** What no second record may have. */
export function dnsClaims({ hostname }: DnsRecord): string[] {
  return [`hostname ${hostname}`];
}

/** The line of a record, and a second one where it has an IPv6 address. A name is one record's alone; an address may have several names. */
export function dnsEntryLine(record: DnsRecord, domain: Fqdn): EntryLine {
  const claims = dnsClaims(record);
  const ipv6 = dnsIpv6HostsLine(record, domain);
  const lines = [dnsHostsLine(record, domain), ...(ipv6 === null ? [] : [ipv6])];
  return {
    text: lines.map(renderHost).join('\n'),
    unique: claims,
    traces: [...claims, ...lines.map(({ address }) => `address ${address}`)],
  };
}

/** Faults of single records. */
export function checkDnsRecords(
  document: DocumentChange['document'],
  records: Iterable<readonly [id: string, record: DnsRecord]>,
): DocumentFault[] {
  const { domain } = document.settings.dns;
  return [...records]
    .filter(([, { hostname }]) => hostname.length + 1 + domain.length > 253)
    .map(([id, { hostname }]) => ({
      path: `dns.records.${id}.hostname`,
      message: `${hostname}.${domain} is too long: expected at most 253 characters`,
    }));
}
