// Asks for leases inside of an instance by its own DHCP client, udhcpc of busybox.
import { fileURLToPath } from 'node:url';
import type { Host } from '@isthmus/host';
import type { Lab } from './index.ts';

const script = fileURLToPath(new URL('programs/print-lease', import.meta.url));

/** What a client asks for beside what udhcpc always does: options by code, and by udhcpc's names, such as `ntpsrv`. */
export interface LeaseWishes {
  /** Default `eth0`. */
  readonly nic?: string;
  readonly codes?: readonly number[];
  readonly names?: readonly string[];
}

/**
 * The lease that a further client at an instance's NIC gets, as udhcpc tells its script: `ip`, `router`, `dns`, … and
 * `opt224` in hexadecimal for an option that it has no name of. The NIC stays as it is. Throws where there is none.
 */
export async function askForLease(
  instance: Host,
  { nic = 'eth0', codes = [], names = [] }: LeaseWishes = {},
): Promise<Readonly<Record<string, string>>> {
  const wishes = [...codes.map(String), ...names].flatMap((wish) => ['-O', wish]);
  const args = ['-f', '-n', '-q', '-t', '8', '-T', '1', '-i', nic, '-s', script, ...wishes];
  const { stdout } = await instance.commands.run('udhcpc', args, { timeoutMs: 20_000 });
  return Object.fromEntries([...stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

/** Has the DHCP clients of an instance renew their leases now (udhcpc: SIGUSR1). */
export async function renewLeases(lab: Lab, instanceId: string): Promise<void> {
  const { commands } = lab.machine;
  for (const pid of await lab.instanceProcesses(instanceId)) {
    if (await commands.isRunning(pid, 'udhcpc')) commands.signal(pid, 'SIGUSR1');
  }
}
