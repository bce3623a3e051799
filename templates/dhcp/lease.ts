// The `dhcp` section as dnsmasq's files: a line a host, and the options that every lease carries.
import type { DhcpHost, RouterSettings } from '@isthmus/contract';
import type { DhcpHostLine, DhcpOption } from '@isthmus/dnsmasq-config';
import { type Fqdn, parseFqdn } from '@isthmus/net';

/** The line of one host of `dhcp.hosts`. Throws InvalidValueError where the name with its domain is over 253 characters. */
export function dhcpHostLine(host: DhcpHost, domain: Fqdn): DhcpHostLine {
  return {
    macAddress: host.macAddress,
    address: host.address,
    name: parseFqdn(`${host.hostname}.${domain}`),
  };
}

/** What every lease says: router, DNS servers, domain and, where it is set, the MTU. */
export function dhcpOptions(settings: RouterSettings['dhcp']): DhcpOption[] {
  return [
    { option: 'router', addresses: [settings.router] },
    { option: 'dns-server', addresses: settings.dnsServers },
    { option: 'domain-name', domain: settings.domain },
    ...(settings.mtu === undefined ? [] : [{ option: 'mtu', bytes: settings.mtu } as const]),
  ];
}
