// Every command of the API: one line a resource.

import { commands as account } from './account/index.ts';
import { commands as alert } from './alert/index.ts';
import { listApisOf } from './api/list-apis.ts';
import { listCapabilities } from './api/list-capabilities.ts';
import { commands as cluster } from './cluster/index.ts';
import { commands as configuration } from './configuration/index.ts';
import { commands as consoles } from './console/index.ts';
import { commands as customCertificate } from './custom-certificate/index.ts';
import type { Command } from './declaration.ts';
import { commands as diagnostics } from './diagnostics/index.ts';
import { commands as domain } from './domain/index.ts';
import { commands as event } from './event/index.ts';
import { listEventTypesOf } from './event/list-event-types.ts';
import { commands as firewall } from './firewall/index.ts';
import { commands as guestNetworkIpv6Prefix } from './guest-network-ipv6-prefix/index.ts';
import { commands as healthCheck } from './health-check/index.ts';
import { commands as host } from './host/index.ts';
import { commands as ipv4Subnet } from './ipv4-subnet/index.ts';
import { commands as ipv6Firewall } from './ipv6-firewall/index.ts';
import { commands as job } from './job/index.ts';
import { commands as key } from './key/index.ts';
import { commands as loadBalancer } from './load-balancer/index.ts';
import { commands as network } from './network/index.ts';
import { commands as networkOffering } from './network-offering/index.ts';
import { commands as nic } from './nic/index.ts';
import { commands as osType } from './os-type/index.ts';
import { commands as outOfBandManagement } from './out-of-band-management/index.ts';
import { commands as physicalNetwork } from './physical-network/index.ts';
import { commands as pod } from './pod/index.ts';
import { commands as portForwarding } from './port-forwarding/index.ts';
import { commands as publicIp } from './public-ip/index.ts';
import { commands as router } from './router/index.ts';
import { commands as routingFirewall } from './routing-firewall/index.ts';
import { commands as serviceOffering } from './service-offering/index.ts';
import { commands as session } from './session/index.ts';
import { commands as sshKeyPair } from './ssh-key-pair/index.ts';
import { commands as sslCertificate } from './ssl-certificate/index.ts';
import { commands as staticNat } from './static-nat/index.ts';
import { commands as systemVm } from './system-vm/index.ts';
import { commands as tag } from './tag/index.ts';
import { commands as template } from './template/index.ts';
import { commands as usage } from './usage/index.ts';
import { commands as user } from './user/index.ts';
import { commands as userData } from './user-data/index.ts';
import { commands as virtualMachine } from './virtual-machine/index.ts';
import { commands as vlanIpRange } from './vlan-ip-range/index.ts';
import { commands as zone } from './zone/index.ts';

const resources: readonly (readonly Command[])[] = [
  session,
  account,
  user,
  virtualMachine,
  sshKeyPair,
  userData,
  staticNat,
  router,
  healthCheck,
  diagnostics,
  alert,
  publicIp,
  portForwarding,
  loadBalancer,
  sslCertificate,
  network,
  firewall,
  ipv6Firewall,
  routingFirewall,
  key,
  domain,
  job,
  event,
  cluster,
  configuration,
  consoles,
  guestNetworkIpv6Prefix,
  ipv4Subnet,
  host,
  outOfBandManagement,
  networkOffering,
  nic,
  osType,
  physicalNetwork,
  pod,
  serviceOffering,
  systemVm,
  customCertificate,
  tag,
  template,
  usage,
  vlanIpRange,
  zone,
];

/** The table that the API, listApis, the CLI and the reference pages are made from. */
export const commands: readonly Command[] = [
  ...resources.flat(),
  listCapabilities,
  listEventTypesOf(() => commands),
  listApisOf(() => commands),
];
