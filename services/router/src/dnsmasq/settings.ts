// The settings of the `dhcp` and `dns` sections, rendered; and the document's lines.
import { createHash } from 'node:crypto';
import type { RouterDocument } from '@isthmus/contract';
import {
  type ConfigPath,
  type MainConfig,
  parseConfigPath,
  renderDhcpOptions,
  renderHosts,
  renderMainConfig,
  renderServers,
} from '@isthmus/dnsmasq-config';
import { cidrRange, type Fqdn, type InterfaceName, type Ipv4Address, ipv4Network } from '@isthmus/net';
import {
  dhcpIpv6MainConfig,
  dhcpIpv6Options,
  dhcpMainConfig,
  dhcpOptions,
  dhcpPacketRules,
  dnsMainConfig,
  shardCount,
  shardPort,
} from '@isthmus/templates/dhcp';
import { dnsOwnLines, dnsServers } from '@isthmus/templates/dns';
import { dhcpEntryLine, dhcpIpv6EntryLine } from '../dhcp.ts';
import { dnsEntryLine } from '../dns.ts';
import type { RouterPaths } from '../service.ts';
import { dhcpInstance, type InstanceLayout, type InstanceName, instanceLayout } from './instances.ts';
import type { EntryLine, LineChange } from './lines.ts';

/** Everything that one process is told besides its hosts. */
export interface InstanceSettings {
  /** A change of these two needs a restart. The path carries the text's hash. */
  readonly mainPath: ConfigPath;
  readonly main: string;
  /** A change of these two needs a SIGHUP. `ownHosts`: lines that stand before those of the entries. */
  readonly choices: string;
  readonly ownHosts: string;
  readonly interface: InterfaceName;
}

/** What the sections say, and each process that is wanted for it. */
export interface DnsmasqSettings {
  readonly instances: ReadonlyMap<InstanceName, InstanceSettings>;
  /** Processes that answer DHCP; 0: none does. */
  readonly shards: number;
  /** What `nft` is told of DHCP's packets. */
  readonly packetRules: string;
  /** A process answers DHCPv6, on the guest NIC. */
  readonly hasIpv6: boolean;
  readonly interface: InterfaceName;
  readonly isDnsEnabled: boolean;
  /** The router's own address on the guest NIC, where it listens, and the broadcast address there. */
  readonly address: Ipv4Address;
  readonly broadcast: Ipv4Address;
  readonly dhcpDomain: Fqdn;
  readonly dnsDomain: Fqdn;
  readonly hasForwarders: boolean;
}

/** From what is served to what shall be. `full`: what is served is unknown. */
export interface RouterChange {
  readonly full: boolean;
  readonly settings: DnsmasqSettings;
  readonly dhcp: readonly LineChange[];
  readonly dhcpIpv6: readonly LineChange[];
  readonly dns: readonly LineChange[];
}

/** What is not of `main`, as given; the path of the main configuration says which one a process was started with. */
function instanceOf(
  layout: InstanceLayout,
  config: MainConfig,
  rest: Pick<InstanceSettings, 'choices' | 'ownHosts' | 'interface'>,
): InstanceSettings {
  const main = renderMainConfig(config);
  const hash = createHash('sha256').update(main).digest('hex').slice(0, 16);
  return { mainPath: parseConfigPath(`${layout.state}/main-${hash}.conf`), main, ...rest };
}

/** Renders the settings. Pure. */
export function dnsmasqSettings({ settings }: RouterDocument, paths: RouterPaths): DnsmasqSettings {
  const { dhcp, dns, routing } = settings;
  const nic = routing.interfaces.find(({ name }) => name === dhcp.interface);
  const network = nic === undefined ? dhcp.network : ipv4Network(nic.address, nic.prefixLength);
  const shards = dhcp.enabled === false ? 0 : shardCount(dhcp.network);
  const isDnsEnabled = dns.enabled !== false;
  const instances = new Map<InstanceName, InstanceSettings>();
  const options = renderDhcpOptions(dhcpOptions(dhcp));
  for (let shard = 0; shard < shards; shard += 1) {
    const layout = instanceLayout(paths, dhcpInstance(shard));
    const config = dhcpMainConfig(dhcp, layout, shardPort(shard, shards));
    instances.set(
      dhcpInstance(shard),
      instanceOf(layout, config, { choices: options, ownHosts: '', interface: dhcp.interface }),
    );
  }
  const ipv6 = dhcp.enabled === false ? undefined : dhcp.ipv6;
  if (ipv6 !== undefined) {
    const layout = instanceLayout(paths, 'dhcp6');
    const choices = renderDhcpOptions(dhcpIpv6Options(dhcp, ipv6));
    const config = dhcpIpv6MainConfig(dhcp, ipv6, layout);
    instances.set('dhcp6', instanceOf(layout, config, { choices, ownHosts: '', interface: dhcp.interface }));
  }
  if (isDnsEnabled) {
    const layout = instanceLayout(paths, 'dns');
    const rest = {
      choices: renderServers(dnsServers(dns)),
      ownHosts: renderHosts(dnsOwnLines(settings)),
      interface: dns.interface,
    };
    instances.set('dns', instanceOf(layout, dnsMainConfig(dns, layout), rest));
  }
  return {
    instances,
    shards,
    packetRules: dhcpPacketRules(dhcp.interface, shards),
    hasIpv6: ipv6 !== undefined,
    interface: dhcp.interface,
    isDnsEnabled,
    address: nic?.address ?? dhcp.router,
    broadcast: cidrRange(network).last,
    dhcpDomain: dhcp.domain,
    dnsDomain: dns.domain,
    hasForwarders: dns.forwarders.length > 0,
  };
}

/** True where one process is told the same. */
export function sameInstance(a: InstanceSettings | null | undefined, b: InstanceSettings | null | undefined): boolean {
  return (
    a?.mainPath === b?.mainPath &&
    a?.choices === b?.choices &&
    a?.ownHosts === b?.ownHosts &&
    a?.interface === b?.interface
  );
}

/** True where nothing differs. */
export function sameSettings(a: DnsmasqSettings, b: DnsmasqSettings): boolean {
  const { instances: ofA, ...restA } = a;
  const { instances: ofB, ...restB } = b;
  return (
    ofA.size === ofB.size &&
    [...ofA].every(([name, each]) => sameInstance(each, ofB.get(name))) &&
    (Object.keys(restA) as (keyof typeof restA)[]).every((name) => restA[name] === restB[name])
  );
}

/** Every line of the document's hosts, by id. */
export function dhcpLines({ settings, entries }: RouterDocument): Map<string, EntryLine> {
  return new Map([...entries['dhcp.hosts']].map(([id, host]) => [id, dhcpEntryLine(host, settings.dhcp.domain)]));
}

/** Every line of the document's hosts that have an IPv6 address, by id; none where the network has no IPv6. */
export function dhcpIpv6Lines({ settings, entries }: RouterDocument): Map<string, EntryLine> {
  const lines = settings.dhcp.ipv6 === undefined ? [] : [...entries['dhcp.hosts']];
  return new Map(
    lines.flatMap(([id, host]) => {
      const line = dhcpIpv6EntryLine(host, settings.dhcp.domain);
      return line === undefined ? [] : [[id, line] as const];
    }),
  );
}

/** Every line of the document's records, by id. */
export function dnsLines({ settings, entries }: RouterDocument): Map<string, EntryLine> {
  return new Map([...entries['dns.records']].map(([id, record]) => [id, dnsEntryLine(record, settings.dns.domain)]));
}
