// Rows of an instance → what it reads about itself. Pure.
import type { MetadataGuest, MetadataPassword } from '@isthmus/contract';
import type { Hostname, Ipv4Address } from '@isthmus/net';

/** What a guest's metadata is made of. `publicAddress`: of its static NAT, else of its network's source NAT. */
export interface GuestInput {
  readonly address: Ipv4Address;
  readonly machineId: string;
  readonly hostname: Hostname;
  readonly serviceOffering: string;
  readonly zone: { readonly id: string; readonly name: string };
  readonly publicAddress: Ipv4Address | null;
  readonly publicKeys: readonly string[];
  /** Base64. */
  readonly userData: string | null;
  readonly variables: Readonly<Record<string, string>> | null;
}

/** A name as one line of printable text: what a tenant or an admin called something may hold quotes. */
function line(text: string): string {
  return text.replaceAll(/[\p{Cc}"\\]/gu, ' ').slice(0, 255);
}

/** An entry of `metadata.guests`. */
export function compileGuest(input: GuestInput): MetadataGuest {
  const { publicAddress, userData, variables } = input;
  return {
    address: input.address,
    localHostname: input.hostname,
    instanceId: input.machineId,
    vmId: input.machineId,
    serviceOffering: line(input.serviceOffering),
    availabilityZone: line(input.zone.name),
    ...(publicAddress !== null && { publicIpv4: publicAddress, publicHostname: publicAddress }),
    cloudIdentifier: `CloudStack-{${input.zone.id}}`,
    publicKeys: [...input.publicKeys],
    ...(variables !== null && Object.keys(variables).length > 0 && { variables }),
    ...(userData !== null && { userData }),
  };
}

/** An entry of `metadata.passwords`. */
export function compilePassword(address: Ipv4Address, version: string, password: string): MetadataPassword {
  return { address, version, password };
}
