// The `dhcp` section as dnsmasq's files: a line a host, and the options that leases carry.
import type { DhcpHost, RouterSettings, DhcpOption as TenantOption } from '@isthmus/contract';
import { type DhcpHostLine, type DhcpOption, type DhcpTag, parseDhcpTag } from '@isthmus/dnsmasq-config';
import { type Fqdn, parseDhcpOptionValue, parseFqdn } from '@isthmus/net';

/** Hosts whose NIC is not the instance's default one: they are told of no router, resolver or domain here. */
const secondary = parseDhcpTag('secondary');

/** By its MAC address, which no second host has. */
function hostTag({ macAddress }: DhcpHost): DhcpTag {
  return parseDhcpTag(`h${macAddress.replaceAll(':', '')}`);
}

/** The line of one host of `dhcp.hosts`. Throws InvalidValueError where the name with its domain is over 253 characters. */
export function dhcpHostLine(host: DhcpHost, domain: Fqdn): DhcpHostLine {
  const tags = [
    ...(host.isDefault === false ? [secondary] : []),
    ...((host.options ?? []).length > 0 ? [hostTag(host)] : []),
  ];
  return {
    macAddress: host.macAddress,
    address: host.address,
    name: parseFqdn(`${host.hostname}.${domain}`),
    ...(tags.length > 0 && { tags }),
  };
}

function tenantOption({ code, value }: TenantOption): DhcpOption {
  const read = parseDhcpOptionValue(code, value);
  switch (read.kind) {
    case 'addresses':
      return { option: 'addresses', code, addresses: read.addresses };
    case 'domains':
      return { option: 'domains', code, domains: read.domains };
    case 'text':
      return { option: 'text', code, text: read.text };
    case 'octets':
      return { option: 'octets', code, octets: read.octets };
  }
}

/** Options of one host alone, which stand before the network's. Throws InvalidValueError as `parseDhcpOptionValue` does. */
export function dhcpHostOptions(host: DhcpHost): DhcpOption[] {
  return (host.options ?? []).map((option) => ({ ...tenantOption(option), tag: hostTag(host) }));
}

/**
 * What leases say: router, DNS servers and domain, the MTU where it is set, and the network's further options. Throws
 * InvalidValueError as `parseDhcpOptionValue` does.
 */
export function dhcpOptions(settings: RouterSettings['dhcp']): DhcpOption[] {
  return [
    { option: 'router', addresses: [settings.router] },
    { option: 'dns-server', addresses: settings.dnsServers },
    { option: 'domain-name', domain: settings.domain },
    ...(settings.mtu === undefined ? [] : [{ option: 'mtu', bytes: settings.mtu } as const]),
    ...(settings.options ?? []).map(tenantOption),
    ...[3, 6, 15].map((code) => ({ option: 'withheld', code, tag: secondary }) as const),
  ];
}
