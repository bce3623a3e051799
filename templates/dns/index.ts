// The `dns` section as dnsmasq's files: a line a record, and where queries go.
import type { DnsRecord, RouterSettings } from '@isthmus/contract';
import type { DnsServer, HostsLine } from '@isthmus/dnsmasq-config';
import { type Fqdn, parseFqdn, parseHostname } from '@isthmus/net';

/** The line of one record of `dns.records`: its full name first, which a reverse query answers, then the bare one. */
export function dnsHostsLine(record: DnsRecord, domain: Fqdn): HostsLine {
  return { address: record.address, names: [parseFqdn(`${record.hostname}.${domain}`), record.hostname] };
}

/** The line of a record's IPv6 address, under the same names (AAAA, and PTR below ip6.arpa); null where it has none. */
export function dnsIpv6HostsLine(record: DnsRecord, domain: Fqdn): HostsLine | null {
  if (record.ipv6Address === undefined) return null;
  return { ...dnsHostsLine(record, domain), address: record.ipv6Address };
}

/** The router's own names: `data-server`, where CloudStack's guests look for their metadata. */
export function dnsOwnLines({ dns, metadata }: Pick<RouterSettings, 'dns' | 'metadata'>): HostsLine[] {
  const [address] = metadata.addresses;
  if (!metadata.enabled || address === undefined) return [];
  return [{ address, names: [parseFqdn(`data-server.${dns.domain}`), parseHostname('data-server')] }];
}

/** Names of the guest domain are never asked elsewhere; the rest goes to the forwarders, in order. */
export function dnsServers(settings: RouterSettings['dns']): DnsServer[] {
  return [
    { kind: 'local', domain: settings.domain },
    ...settings.forwarders.map((address) => ({ kind: 'forward', address }) as const),
  ];
}
