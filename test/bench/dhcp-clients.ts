// DHCP clients in a namespace, asked from this process (lab/programs/lease-client.ts).
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Host } from '@isthmus/host';
import { type Lab, waitFor } from '../lab/index.ts';

const program = fileURLToPath(new URL('../lab/programs/lease-client.ts', import.meta.url));

/** Asks for a lease until one is offered. */
export interface DhcpClients {
  /** The address that was offered to a hardware address. Throws where none is within 30 s. */
  offer(hardwareAddress: string): Promise<string>;
}

/** Starts the clients behind eth0 of a namespace, which gets an address of its own there. */
export async function startDhcpClients(lab: Lab, host: Host, name: string): Promise<DhcpClients> {
  const lines = ['address add 10.1.255.254/16 dev eth0', 'route add 255.255.255.255/32 dev eth0'];
  await host.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  const socketPath = `${lab.run}/${name}.sock`;
  const { logPath } = await lab.startDaemon(host, process.execPath, [program, socketPath]);
  await waitFor('the DHCP clients listen', async () =>
    ((await lab.machine.files.readTextIfExists(logPath)) ?? '').includes('ready'),
  );
  return {
    offer: (hardwareAddress) =>
      new Promise((resolve, reject) => {
        let answer = '';
        const connection = connect(socketPath, () => connection.write(`${hardwareAddress}\n`));
        connection.setTimeout(30_000, () => connection.destroy(new Error(`no lease for ${hardwareAddress} in 30 s`)));
        connection.setEncoding('utf8').on('data', (part: string) => {
          answer += part;
        });
        connection.on('error', reject);
        connection.on('end', () => resolve(answer.trim()));
      }),
  };
}
