// The whole desired state of one virtual router. Settings are small and travel whole, a section at a time;
// entries are many, keyed by id, and travel one by one (push.ts).
import Type, { type Static } from 'typebox';
import {
  FqdnSchema,
  HostnameSchema,
  InterfaceNameSchema,
  Ipv4AddressSchema,
  Ipv4CidrSchema,
  MacAddressSchema,
  PortRangeSchema,
  PrefixLengthSchema,
} from './values.ts';

const closed = { additionalProperties: false } as const;

/** `system`: the router itself. `conntrackMax` is the size of its connection tracking table, in flows. */
export const SystemSettingsSchema = Type.Object(
  {
    hostname: HostnameSchema,
    domain: FqdnSchema,
    conntrackMax: Type.Integer({ minimum: 1024, maximum: 16_777_216 }),
  },
  closed,
);

/** One NIC. `macAddress` finds the device; `address` is the NIC's own; `mtu` in bytes. */
export const InterfaceSchema = Type.Object(
  {
    name: InterfaceNameSchema,
    role: Type.Enum(['guest', 'public', 'control']),
    macAddress: MacAddressSchema,
    mtu: Type.Integer({ minimum: 576, maximum: 9216 }),
    address: Ipv4AddressSchema,
    prefixLength: PrefixLengthSchema,
  },
  closed,
);

/** `routing`: NICs and the default route; further public addresses are entries of `routing.publicAddresses`. */
export const RoutingSettingsSchema = Type.Object(
  {
    interfaces: Type.Array(InterfaceSchema, { maxItems: 16 }),
    defaultGateway: Type.Optional(Type.Object({ address: Ipv4AddressSchema, interface: InterfaceNameSchema }, closed)),
  },
  closed,
);

/** A further public address on a public NIC, beside the NIC's own. */
export const PublicAddressSchema = Type.Object(
  { address: Ipv4AddressSchema, prefixLength: PrefixLengthSchema, interface: InterfaceNameSchema },
  closed,
);

/** `dhcp`: what every lease of the guest network says (RFC 2131, 2132). Only `dhcp.hosts` get a lease. */
export const DhcpSettingsSchema = Type.Object(
  {
    interface: InterfaceNameSchema,
    network: Ipv4CidrSchema,
    router: Ipv4AddressSchema,
    dnsServers: Type.Array(Ipv4AddressSchema, { minItems: 1, maxItems: 4 }),
    domain: FqdnSchema,
    leaseTimeSeconds: Type.Integer({ minimum: 120, maximum: 4_294_967_294 }),
    mtu: Type.Optional(Type.Integer({ minimum: 576, maximum: 9216 })),
  },
  closed,
);

/** One reserved lease. */
export const DhcpHostSchema = Type.Object(
  { macAddress: MacAddressSchema, address: Ipv4AddressSchema, hostname: HostnameSchema },
  closed,
);

/** `dns`: the router answers for `domain` on the guest NIC and forwards the rest to `forwarders`, in order. */
export const DnsSettingsSchema = Type.Object(
  {
    interface: InterfaceNameSchema,
    domain: FqdnSchema,
    forwarders: Type.Array(Ipv4AddressSchema, { maxItems: 8 }),
  },
  closed,
);

/** One name of the guest domain: answered forward (A: `hostname` and `hostname.domain`) and reverse (PTR). */
export const DnsRecordSchema = Type.Object({ hostname: HostnameSchema, address: Ipv4AddressSchema }, closed);

/** `nat`: guests of `guestNetwork` leave by `publicInterface` as `sourceNatAddress`; without it there is no source NAT. */
export const NatSettingsSchema = Type.Object(
  {
    guestInterface: InterfaceNameSchema,
    guestNetwork: Ipv4CidrSchema,
    guestAddress: Ipv4AddressSchema,
    publicInterface: Type.Optional(InterfaceNameSchema),
    sourceNatAddress: Type.Optional(Ipv4AddressSchema),
  },
  closed,
);

/** Ports of a public address forwarded to a guest; both ranges have the same length. */
export const PortForwardSchema = Type.Object(
  {
    publicAddress: Ipv4AddressSchema,
    protocol: Type.Enum(['tcp', 'udp']),
    publicPorts: PortRangeSchema,
    privateAddress: Ipv4AddressSchema,
    privatePorts: PortRangeSchema,
  },
  closed,
);

/** A public address that belongs to one guest, both ways. */
export const StaticNatSchema = Type.Object(
  { publicAddress: Ipv4AddressSchema, privateAddress: Ipv4AddressSchema },
  closed,
);

/** `firewall`: what egress does where no egress rule matches. With `allow`, the egress rules deny. */
export const FirewallSettingsSchema = Type.Object(
  {
    guestInterface: InterfaceNameSchema,
    publicInterface: Type.Optional(InterfaceNameSchema),
    guestNetwork: Ipv4CidrSchema,
    egressDefault: Type.Enum(['allow', 'deny']),
  },
  closed,
);

/** Type and code as ICMP has them (RFC 792); -1, as in the CloudStack API, means any. */
const IcmpSchema = Type.Object(
  {
    type: Type.Integer({ minimum: -1, maximum: 255 }),
    code: Type.Integer({ minimum: -1, maximum: 255 }),
  },
  closed,
);

const protocolFields = {
  protocol: Type.Enum(['tcp', 'udp', 'icmp', 'all']),
  /** tcp and udp only; absent: every port. */
  ports: Type.Optional(PortRangeSchema),
  /** icmp only; absent: every type. */
  icmp: Type.Optional(IcmpSchema),
};

/** Admits traffic to a public address. Without any rule nothing new comes in. `sources` empty means anywhere. */
export const IngressRuleSchema = Type.Object(
  { publicAddress: Ipv4AddressSchema, ...protocolFields, sources: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }) },
  closed,
);

/** Traffic from guests: permitted where `egressDefault` is deny, denied where it is allow. Empty lists mean anywhere. */
export const EgressRuleSchema = Type.Object(
  {
    ...protocolFields,
    sources: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }),
    destinations: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }),
  },
  closed,
);

/** Schema of each section's settings. */
export const routerSettings = {
  system: SystemSettingsSchema,
  routing: RoutingSettingsSchema,
  dhcp: DhcpSettingsSchema,
  dns: DnsSettingsSchema,
  nat: NatSettingsSchema,
  firewall: FirewallSettingsSchema,
} as const;

/** Schema of one entry of each collection; a collection is named `section.collection`. */
export const routerCollections = {
  'routing.publicAddresses': PublicAddressSchema,
  'dhcp.hosts': DhcpHostSchema,
  'dns.records': DnsRecordSchema,
  'nat.portForwards': PortForwardSchema,
  'nat.staticNats': StaticNatSchema,
  'firewall.ingress': IngressRuleSchema,
  'firewall.egress': EgressRuleSchema,
} as const;

export type Interface = Static<typeof InterfaceSchema>;
export type PublicAddress = Static<typeof PublicAddressSchema>;
export type DhcpHost = Static<typeof DhcpHostSchema>;
export type DnsRecord = Static<typeof DnsRecordSchema>;
export type PortForward = Static<typeof PortForwardSchema>;
export type StaticNat = Static<typeof StaticNatSchema>;
export type IngressRule = Static<typeof IngressRuleSchema>;
export type EgressRule = Static<typeof EgressRuleSchema>;

export type SectionName = keyof typeof routerSettings;
export type CollectionName = keyof typeof routerCollections;
export type RouterSettings = { [Name in SectionName]: Static<(typeof routerSettings)[Name]> };
export type RouterEntry<Name extends CollectionName = CollectionName> = {
  [Each in CollectionName]: Static<(typeof routerCollections)[Each]>;
}[Name];

export const sectionNames = Object.keys(routerSettings) as SectionName[];
export const collectionNames = Object.keys(routerCollections) as CollectionName[];

/** A router's document in memory: settings by section, entries by collection and id. */
export interface RouterDocument {
  readonly settings: Readonly<RouterSettings>;
  readonly entries: { readonly [Name in CollectionName]: ReadonlyMap<string, RouterEntry<Name>> };
}
