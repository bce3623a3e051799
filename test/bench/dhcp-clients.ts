// DHCP clients in a namespace, asked from this process (lab/programs/lease-client.ts).
import type { Host } from '@isthmus/host';
import type { Lab } from '../lab/index.ts';
import { startProgram } from './program.ts';

/** Asks for a lease until one is offered. */
export interface DhcpClients {
  /** The address that was offered to a hardware address. Throws where none is within 30 s. */
  offer(hardwareAddress: string): Promise<string>;
}

/** Starts the clients behind eth0 of a namespace, which gets an address of its own there. */
export async function startDhcpClients(lab: Lab, host: Host, name: string): Promise<DhcpClients> {
  const lines = ['address add 10.1.255.254/16 dev eth0', 'route add 255.255.255.255/32 dev eth0'];
  await host.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  return { offer: await startProgram(lab, host, 'lease-client', name) };
}
