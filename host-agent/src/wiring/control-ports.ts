// Ports of the control network: each is alone with the host, whatever is behind it, a VM's tap or a namespace's veth.
import type { CommandRunner } from '@isthmus/host';

/** A port on the bridge of the control network, and the MAC address of the one NIC behind it. */
export interface ControlPort {
  readonly port: string;
  readonly macAddress: string;
}

/**
 * Line of ip(8) that keeps a port apart, before it is up: it exchanges frames with the host alone. Nothing is learnt from
 * its frames: one with another machine's source address would draw to itself what the host sends to that machine.
 */
export function isolation(port: string): string {
  return `link set dev ${port} type bridge_slave isolated on learning off flood off`;
}

/** Tells the bridge which address is behind each port, since it does not learn it. */
export async function fixAddresses(commands: CommandRunner, ports: readonly ControlPort[]): Promise<void> {
  if (ports.length === 0) return;
  const input = ports.map(({ port, macAddress }) => `fdb replace ${macAddress} dev ${port} master static\n`).join('');
  await commands.run('bridge', ['-batch', '-'], { input });
}
