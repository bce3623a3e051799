// The settings of the `dhcp` and `dns` sections, rendered; and the document's lines.
import { createHash } from 'node:crypto';
import type { RouterDocument } from '@isthmus/contract';
import { renderDhcpOptions, renderMainConfig, renderServers } from '@isthmus/dnsmasq-config';
import { cidrRange, type Fqdn, type InterfaceName, type Ipv4Address, ipv4Network } from '@isthmus/net';
import { dhcpOptions, dnsmasqMainConfig } from '@isthmus/templates/dhcp';
import { dnsServers } from '@isthmus/templates/dns';
import { dhcpEntryLine } from '../dhcp.ts';
import { dnsEntryLine } from '../dns.ts';
import { type DnsmasqLayout, mainConfigPath } from './layout.ts';
import type { EntryLine } from './lines.ts';

/** Everything that dnsmasq is told besides its hosts. */
export interface DnsmasqSettings {
  /** A change of these two needs a restart. */
  readonly mainPath: string;
  readonly main: string;
  /** A change of these two needs a SIGHUP. */
  readonly dhcpOptions: string;
  readonly servers: string;
  readonly interface: InterfaceName;
  /** The router's own address on the guest NIC, where it listens, and the broadcast address there. */
  readonly address: Ipv4Address;
  readonly broadcast: Ipv4Address;
  readonly dhcpDomain: Fqdn;
  readonly dnsDomain: Fqdn;
}

/** Renders the settings. Pure. */
export function dnsmasqSettings({ settings }: RouterDocument, layout: DnsmasqLayout): DnsmasqSettings {
  const { dhcp, dns, routing } = settings;
  const main = renderMainConfig(dnsmasqMainConfig(dhcp, layout));
  const nic = routing.interfaces.find(({ name }) => name === dhcp.interface);
  const network = nic === undefined ? dhcp.network : ipv4Network(nic.address, nic.prefixLength);
  return {
    mainPath: mainConfigPath(layout, createHash('sha256').update(main).digest('hex').slice(0, 16)),
    main,
    dhcpOptions: renderDhcpOptions(dhcpOptions(dhcp)),
    servers: renderServers(dnsServers(dns)),
    interface: dhcp.interface,
    address: nic?.address ?? dhcp.router,
    broadcast: cidrRange(network).last,
    dhcpDomain: dhcp.domain,
    dnsDomain: dns.domain,
  };
}

/** True where nothing differs. */
export function sameSettings(a: DnsmasqSettings, b: DnsmasqSettings): boolean {
  return (Object.keys(a) as (keyof DnsmasqSettings)[]).every((name) => a[name] === b[name]);
}

/** Every line of the document's hosts, by id. */
export function dhcpLines({ settings, entries }: RouterDocument): Map<string, EntryLine> {
  return new Map([...entries['dhcp.hosts']].map(([id, host]) => [id, dhcpEntryLine(host, settings.dhcp.domain)]));
}

/** Every line of the document's records, by id. */
export function dnsLines({ settings, entries }: RouterDocument): Map<string, EntryLine> {
  return new Map([...entries['dns.records']].map(([id, record]) => [id, dnsEntryLine(record, settings.dns.domain)]));
}
