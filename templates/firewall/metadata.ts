// Who may ask for metadata: guests, on their own NIC, and there on the addresses that serve it.
import type { Rule } from '@isthmus/iptables-ts';
import { type InterfaceName, type Ipv4Address, ipv4Network, portRange } from '@isthmus/net';

/** Where metadata is served: HTTP on port 80, passwords on port 8080. None: nowhere. */
export type MetadataAddresses = readonly Ipv4Address[];

const ports = [portRange(80), portRange(8080)];

/** Rules of filter INPUT. Who sends under a guest's address was decided before: raw, reverse path, port security. */
export function metadataInput(inInterface: InterfaceName, addresses: MetadataAddresses): Rule[] {
  return addresses.flatMap((address) =>
    ports.map((destinationPorts): Rule => {
      const destination = ipv4Network(address, 32);
      return { match: { inInterface, destination, protocol: 'tcp', destinationPorts }, target: { kind: 'ACCEPT' } };
    }),
  );
}
