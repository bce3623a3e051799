// Which rows become which entries of a router's document: a loader for each collection.
import type { CollectionName } from '@isthmus/contract';
import type { Loader } from './entries.ts';
import { egressRules, ingressRules } from './firewall.ts';
import { ipv6Rules } from './ipv6.ts';
import { loadBalancerCertificates, loadBalancerMembers, loadBalancerRules } from './load-balancing.ts';
import { metadataGuests, metadataPasswords } from './metadata.ts';
import { furtherAddresses, portForwards, staticNats } from './nat.ts';
import { dhcpHosts, dnsRecords } from './nics.ts';
import { routedRules } from './routed.ts';

export type { Entries } from './entries.ts';
export { loadSettings, tunnelMtu } from './settings.ts';

/** Every collection of the document. */
export const loaders: Readonly<Record<CollectionName, Loader>> = {
  'routing.publicAddresses': furtherAddresses,
  'dhcp.hosts': dhcpHosts,
  'dns.records': dnsRecords,
  'metadata.guests': metadataGuests,
  'metadata.passwords': metadataPasswords,
  'nat.portForwards': portForwards,
  'nat.staticNats': staticNats,
  'firewall.ingress': ingressRules,
  'firewall.egress': egressRules,
  'firewall.routed': routedRules,
  'firewall.ipv6': ipv6Rules,
  'loadBalancing.rules': loadBalancerRules,
  'loadBalancing.members': loadBalancerMembers,
  'loadBalancing.certificates': loadBalancerCertificates,
};
