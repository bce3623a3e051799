// The `dhcp` section: lines of its hosts, their cross-references, and leases that nobody has a right to any more.
import type { DhcpHost, DhcpOption, RouterSettings } from '@isthmus/contract';
import { ConfigSyntaxError, type Lease, parseLeases, renderDhcpHost, renderDhcpOptions } from '@isthmus/dnsmasq-config';
import {
  cidrContains,
  cidrRange,
  type Fqdn,
  InvalidValueError,
  ipv6CidrContains,
  ipv6Network,
  ipv6PrefixLengthOf,
  isIpv4Address,
  parseDhcpOptionValue,
  prefixLengthOf,
} from '@isthmus/net';
import { dhcpHostLine, dhcpHostOptions, dhcpIpv6HostLine } from '@isthmus/templates/dhcp';
import type { EntryLine, LineIndex } from './dnsmasq/lines.ts';
import type { DocumentChange, DocumentFault } from './service.ts';

type DhcpSettings = RouterSettings['dhcp'];

/** What no second host may have, by the names of its fields. */
export function dhcpClaims({ macAddress, address, hostname }: DhcpHost): string[] {
  return [`macAddress ${macAddress}`, `address ${address}`, `hostname ${hostname}`];
}

/** The line of a host, and what it lays claim to. Throws InvalidValueError where its full name is too long. */
export function dhcpEntryLine(host: DhcpHost, domain: Fqdn): EntryLine {
  const claims = dhcpClaims(host);
  const options = renderDhcpOptions(dhcpHostOptions(host));
  const text = renderDhcpHost(dhcpHostLine(host, domain));
  return { text, ...(options !== '' && { options }), unique: claims, traces: claims };
}

/** What no second host may have of IPv6, by the names of its fields; empty where the host has no such address. */
export function dhcpIpv6Claims({ macAddress, ipv6Address }: DhcpHost): string[] {
  return ipv6Address === undefined ? [] : [`ipv6Address ${ipv6Address}`, `macAddress ${macAddress}`];
}

/** The line of a host's IPv6 address; undefined where it has none. */
export function dhcpIpv6EntryLine(host: DhcpHost, domain: Fqdn): EntryLine | undefined {
  const line = dhcpIpv6HostLine(host, domain);
  const claims = dhcpIpv6Claims(host);
  return line === null ? undefined : { text: renderDhcpHost(line), unique: claims, traces: claims };
}

/** Leases of a MAC address and an address that no host has together: they block whoever has one of the two now. */
export function leasesWithoutHost(leases: readonly Lease[], hosts: LineIndex): Lease[] {
  return leases.filter(({ macAddress, address }) => {
    const owner = hosts.owner(`macAddress ${macAddress}`);
    return owner === undefined || owner !== hosts.owner(`address ${address}`);
  });
}

/** The leases of a lease file; null where the text is not one, as while dnsmasq writes it anew. */
export function readLeases(text: string): Lease[] | null {
  try {
    return parseLeases(text);
  } catch (error) {
    if (error instanceof ConfigSyntaxError) return null;
    throw error;
  }
}

/** Faults of options: each is one that a tenant may set, with a value of its type, and stands there once. */
function optionFaults(path: string, options: readonly DhcpOption[] = []): DocumentFault[] {
  const seen = new Set<number>();
  return options.flatMap(({ code, value }, index) => {
    const each = `${path}.options.${index}`;
    if (seen.has(code)) return [{ path: `${each}.code`, message: `${code} stands there twice: expected once` }];
    seen.add(code);
    try {
      parseDhcpOptionValue(code, value);
      return [];
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      return [{ path: each, message: `option ${code}: ${error.message}` }];
    }
  });
}

/** Faults of `dhcp.ipv6`: what is advertised must be true on the guest NIC, and a host's own part takes 64 bits. */
function ipv6Faults({ dhcp, routing }: DocumentChange['document']['settings']): DocumentFault[] {
  const { ipv6 } = dhcp;
  if (ipv6 === undefined) return [];
  const own = routing.interfaces.find(({ name }) => name === dhcp.interface)?.ipv6;
  const network = own === undefined ? 'none' : ipv6Network(own.address, own.prefixLength);
  const faults: DocumentFault[] = [];
  const fault = (path: string, value: string, expected: string) =>
    faults.push({ path, message: `${value}: expected ${expected}` });
  if (ipv6PrefixLengthOf(ipv6.network) !== 64) fault('dhcp.ipv6.network', ipv6.network, 'a network of 64 bits');
  else if (ipv6.network !== network) fault('dhcp.ipv6.network', ipv6.network, `that of ${dhcp.interface}, ${network}`);
  if (ipv6.router !== own?.address) {
    fault('dhcp.ipv6.router', ipv6.router, `the address of ${dhcp.interface}, ${own?.address ?? 'none'}`);
  }
  return faults;
}

/** Faults of the settings: what a lease says must be true on the guest NIC. */
export function checkDhcpSettings({ settings }: DocumentChange['document']): DocumentFault[] {
  const { dhcp, dns, routing } = settings;
  const nic = routing.interfaces.find(({ name }) => name === dhcp.interface);
  const faults: DocumentFault[] = [];
  const fault = (path: string, message: string) => faults.push({ path, message });
  if (nic?.role !== 'guest') {
    fault('dhcp.interface', `${dhcp.interface} is ${nic?.role ?? 'no'} interface of the router: expected a guest one`);
  } else if (!cidrContains(dhcp.network, nic.address)) {
    fault('dhcp.network', `${dhcp.network} does not hold ${nic.address}, the address of ${nic.name}: expected it to`);
  }
  if (dns.interface !== dhcp.interface) {
    fault('dns.interface', `${dns.interface} is not dhcp.interface ${dhcp.interface}: expected one for both`);
  }
  if (!cidrContains(dhcp.network, dhcp.router)) {
    fault('dhcp.router', `${dhcp.router} is outside dhcp.network ${dhcp.network}: expected an address of it`);
  }
  for (const [path, domain] of [
    ['dhcp.domain', dhcp.domain],
    ['dns.domain', dns.domain],
  ] as const) {
    // With a last label of digits, a name could read as an IPv4 address in dnsmasq's files (RFC 1123, 2.1).
    if (/(?:^|\.)\d+$/.test(domain)) fault(path, `${domain} ends in a label of digits: expected a letter in it`);
  }
  return [...faults, ...ipv6Faults(settings), ...optionFaults('dhcp', dhcp.options)];
}

/** Addresses of the network that no guest may have, with why. */
function reservedAddresses({ settings }: DocumentChange['document']): Map<string, string> {
  const { dhcp, routing } = settings;
  const { first, last } = cidrRange(dhcp.network);
  const isWide = prefixLengthOf(dhcp.network) <= 30;
  return new Map([
    ...(isWide
      ? ([
          [first, 'the network address'],
          [last, 'the broadcast address'],
        ] as const)
      : []),
    ...routing.interfaces.map(({ name, address }) => [address, `the router's own on ${name}`] as const),
    [dhcp.router, 'dhcp.router'] as const,
  ]);
}

/** Faults of single hosts: the address is one of the network's, and free. */
export function checkDhcpHosts(
  document: DocumentChange['document'],
  hosts: Iterable<readonly [id: string, host: DhcpHost]>,
): DocumentFault[] {
  const { network, domain, ipv6 }: DhcpSettings = document.settings.dhcp;
  const reserved = reservedAddresses(document);
  const faults: DocumentFault[] = [];
  for (const [id, { address, hostname, options, ipv6Address }] of hosts) {
    const path = `dhcp.hosts.${id}`;
    if (ipv6 !== undefined && ipv6Address !== undefined) {
      const isGuest = ipv6CidrContains(ipv6.network, ipv6Address) && ipv6Address !== ipv6.router;
      const message = `${ipv6Address}: expected a guest's address in dhcp.ipv6.network ${ipv6.network}`;
      if (!isGuest) faults.push({ path: `${path}.ipv6Address`, message });
    }
    faults.push(...optionFaults(path, options));
    const why = reserved.get(address);
    if (!cidrContains(network, address)) {
      faults.push({ path: `${path}.address`, message: `${address} is outside dhcp.network ${network}` });
    } else if (why !== undefined) {
      faults.push({ path: `${path}.address`, message: `${address} is ${why}: expected an address that is free` });
    }
    if (hostname.length + 1 + domain.length > 253 || isIpv4Address(`${hostname}.${domain}`)) {
      faults.push({
        path: `${path}.hostname`,
        message: `${hostname}.${domain} is not a name: expected 253 characters`,
      });
    }
  }
  return faults;
}
