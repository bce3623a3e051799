// The whole desired state of one virtual router. Settings are small and travel whole, a section at a time;
// entries are many, keyed by id, and travel one by one (push.ts).
import type { Static } from 'typebox';
import { DhcpHostSchema, type DhcpOptionSchema, DhcpSettingsSchema } from './sections/dhcp.ts';
import { DnsRecordSchema, DnsSettingsSchema } from './sections/dns.ts';
import {
  EgressRuleSchema,
  FirewallSettingsSchema,
  IngressRuleSchema,
  Ipv6RuleSchema,
  RoutedRuleSchema,
} from './sections/firewall.ts';
import {
  LoadBalancerCertificateSchema,
  LoadBalancerMemberSchema,
  LoadBalancerRuleSchema,
  LoadBalancingSettingsSchema,
} from './sections/load-balancing.ts';
import { MetadataGuestSchema, MetadataPasswordSchema, MetadataSettingsSchema } from './sections/metadata.ts';
import { NatSettingsSchema, PortForwardSchema, StaticNatSchema } from './sections/nat.ts';
import { type InterfaceSchema, PublicAddressSchema, RoutingSettingsSchema } from './sections/routing.ts';
import { SystemSettingsSchema } from './sections/system.ts';

/** Schema of each section's settings. */
export const routerSettings = {
  system: SystemSettingsSchema,
  routing: RoutingSettingsSchema,
  dhcp: DhcpSettingsSchema,
  dns: DnsSettingsSchema,
  metadata: MetadataSettingsSchema,
  nat: NatSettingsSchema,
  firewall: FirewallSettingsSchema,
  loadBalancing: LoadBalancingSettingsSchema,
} as const;

/** Schema of one entry of each collection; a collection is named `section.collection`. */
export const routerCollections = {
  'routing.publicAddresses': PublicAddressSchema,
  'dhcp.hosts': DhcpHostSchema,
  'dns.records': DnsRecordSchema,
  'metadata.guests': MetadataGuestSchema,
  'metadata.passwords': MetadataPasswordSchema,
  'nat.portForwards': PortForwardSchema,
  'nat.staticNats': StaticNatSchema,
  'firewall.ingress': IngressRuleSchema,
  'firewall.egress': EgressRuleSchema,
  'firewall.routed': RoutedRuleSchema,
  'firewall.ipv6': Ipv6RuleSchema,
  'loadBalancing.rules': LoadBalancerRuleSchema,
  'loadBalancing.members': LoadBalancerMemberSchema,
  'loadBalancing.certificates': LoadBalancerCertificateSchema,
} as const;

export type Interface = Static<typeof InterfaceSchema>;
export type PublicAddress = Static<typeof PublicAddressSchema>;
export type DhcpHost = Static<typeof DhcpHostSchema>;
export type DhcpOption = Static<typeof DhcpOptionSchema>;
export type DnsRecord = Static<typeof DnsRecordSchema>;
export type MetadataGuest = Static<typeof MetadataGuestSchema>;
export type MetadataPassword = Static<typeof MetadataPasswordSchema>;
export type PortForward = Static<typeof PortForwardSchema>;
export type StaticNat = Static<typeof StaticNatSchema>;
export type IngressRule = Static<typeof IngressRuleSchema>;
export type EgressRule = Static<typeof EgressRuleSchema>;
export type RoutedRule = Static<typeof RoutedRuleSchema>;
export type Ipv6Rule = Static<typeof Ipv6RuleSchema>;
export type LoadBalancerRule = Static<typeof LoadBalancerRuleSchema>;
export type LoadBalancerMember = Static<typeof LoadBalancerMemberSchema>;
export type LoadBalancerCertificate = Static<typeof LoadBalancerCertificateSchema>;

export type SectionName = keyof typeof routerSettings;
export type CollectionName = keyof typeof routerCollections;
export type RouterSettings = { [Name in SectionName]: Static<(typeof routerSettings)[Name]> };
export type RouterEntry<Name extends CollectionName = CollectionName> = {
  [Each in CollectionName]: Static<(typeof routerCollections)[Each]>;
}[Name];

/** Collections whose entries hold secrets: sealed in the database, never in a log or an error. */
export const secretCollections: ReadonlySet<CollectionName> = new Set<CollectionName>([
  'metadata.passwords',
  'loadBalancing.certificates',
]);

export const sectionNames = Object.keys(routerSettings) as SectionName[];
export const collectionNames = Object.keys(routerCollections) as CollectionName[];

/** A router's document in memory: settings by section, entries by collection and id. */
export interface RouterDocument {
  readonly settings: Readonly<RouterSettings>;
  readonly entries: { readonly [Name in CollectionName]: ReadonlyMap<string, RouterEntry<Name>> };
}
