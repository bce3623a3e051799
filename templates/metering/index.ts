// How a router counts the bytes of its public addresses: an nftables table of its own, beside the rules of iptables, which
// have no hook behind source NAT. A set's elements carry counters (nft(8), "SETS"), so that any number of addresses costs
// one look-up a packet, and no change of rules sets a counter back.
import type { RouterDocument } from '@isthmus/contract';

/** What is counted. `addresses`: every public address that the router has now. */
export interface Metering {
  readonly publicInterface: string | null;
  readonly addresses: readonly string[];
  /** Networks whose guests are seen outside by their own addresses: IPv4 of a routed network, IPv6 of a dual-stack one. */
  readonly networks: readonly { readonly family: 'ip' | 'ip6'; readonly cidr: string }[];
}

/** What a document says is to be counted. */
export function meteringOf({ settings, entries }: Pick<RouterDocument, 'settings' | 'entries'>): Metering {
  const nic = settings.routing.interfaces.find(({ role }) => role === 'public');
  if (nic === undefined) return { publicInterface: null, addresses: [], networks: [] };
  const { firewall } = settings;
  const further = [...entries['routing.publicAddresses'].values()].map(({ address }) => address);
  return {
    publicInterface: nic.name,
    addresses: [...new Set([nic.address, ...further])].sort(),
    networks: [
      ...(firewall.isRouted === true ? [{ family: 'ip' as const, cidr: firewall.guestNetwork }] : []),
      ...(firewall.guestNetworkIpv6 === undefined ? [] : [{ family: 'ip6' as const, cidr: firewall.guestNetworkIpv6 }]),
    ],
  };
}

/** Behind mangle, which drops what no ingress rule admits, and before destination NAT. */
const incomingPriority = -120;
/** Behind source NAT. */
const outgoingPriority = 300;

/** Prefix of the chain whose name tells when counting began. */
const epochPrefix = 'epoch-';

/**
 * Text for `nft -f -`, taken whole or not at all: makes what is absent of the table and leaves every counter as it is.
 * `epoch` is null where the table is there and whole; else counting begins anew, at zero.
 */
export function renderMetering(table: string, metering: Metering, epoch: string | null): string {
  const { publicInterface: nic, addresses, networks } = metering;
  const name = `inet ${table}`;
  const rules = (
    chain: 'incoming' | 'outgoing',
    device: 'iifname' | 'oifname',
    field: 'daddr' | 'saddr',
    to: string,
  ) => [
    `flush chain ${name} ${chain}`,
    ...(nic === null
      ? []
      : [
          `add rule ${name} ${chain} ${device} "${nic}" ip ${field} @${to}`,
          ...networks.map(
            ({ family, cidr }) =>
              `add rule ${name} ${chain} ${device} "${nic}" ${family} ${field} ${cidr} counter name "network-${to}"`,
          ),
        ]),
  ];
  return [
    `add table ${name}`,
    ...(epoch === null
      ? []
      : [`delete table ${name}`, `add table ${name}`, `add chain ${name} ${epochPrefix}${epoch}`]),
    ...['received', 'sent'].flatMap((set) => [
      `add set ${name} ${set} { type ipv4_addr; counter; }`,
      `add counter ${name} network-${set}`,
      ...(addresses.length === 0 ? [] : [`add element ${name} ${set} { ${addresses.join(', ')} }`]),
    ]),
    `add chain ${name} incoming { type filter hook prerouting priority ${incomingPriority}; policy accept; }`,
    `add chain ${name} outgoing { type filter hook postrouting priority ${outgoingPriority}; policy accept; }`,
    ...rules('incoming', 'iifname', 'daddr', 'received'),
    ...rules('outgoing', 'oifname', 'saddr', 'sent'),
    '',
  ].join('\n');
}

/** What has been counted. Bytes by public address, also of those that the router has no more; `network`: beside them. */
export interface Counted {
  readonly epoch: string;
  readonly addresses: ReadonlyMap<string, { readonly sent: number; readonly received: number }>;
  readonly network: { readonly sent: number; readonly received: number };
  /** Rules of both chains: none where somebody took them away. */
  readonly rules: number;
}

interface NftCounter {
  readonly bytes: number;
}
interface NftElement {
  readonly elem: { readonly val: string; readonly counter: NftCounter };
}
/** An object of `nft --json list table` (libnftables-json(5)). */
interface NftObject {
  readonly set?: { readonly name: string; readonly elem?: readonly NftElement[] };
  readonly counter?: { readonly name: string; readonly bytes: number };
  readonly chain?: { readonly name: string };
  readonly rule?: { readonly chain: string };
}

/** Reads `nft --json list table`. Null where the table is absent or not whole. */
export function readMetering(json: string): Counted | null {
  // Of a table that is not there, nft says nothing in JSON.
  if (json.trim() === '') return null;
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftObject[] };
  const elements = (name: string) =>
    new Map(
      (nftables.find(({ set }) => set?.name === name)?.set?.elem ?? []).map(({ elem }) => [
        elem.val,
        elem.counter.bytes,
      ]),
    );
  const counter = (name: string) => nftables.find((each) => each.counter?.name === name)?.counter?.bytes;
  const epoch = nftables.find(({ chain }) => chain?.name.startsWith(epochPrefix) === true)?.chain?.name;
  const [sent, received] = [elements('sent'), elements('received')];
  const [networkSent, networkReceived] = [counter('network-sent'), counter('network-received')];
  if (epoch === undefined || networkSent === undefined || networkReceived === undefined) return null;
  const addresses = [...new Set([...sent.keys(), ...received.keys()])].sort();
  return {
    epoch: epoch.slice(epochPrefix.length),
    addresses: new Map(
      addresses.map((address) => [address, { sent: sent.get(address) ?? 0, received: received.get(address) ?? 0 }]),
    ),
    network: { sent: networkSent, received: networkReceived },
    rules: nftables.filter(({ rule }) => rule !== undefined).length,
  };
}
