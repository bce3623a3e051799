// Listening sockets of this process's own network namespace.
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Endpoint, ListenError, type Sockets } from './sockets.ts';

/** Connections that wait to be accepted; the kernel bounds it by net.core.somaxconn. */
export const backlog = 4096;

/** Opens one socket after the other; closes what is open where one fails. */
async function listen(endpoints: readonly Endpoint[]): Promise<readonly Server[]> {
  const servers: Server[] = [];
  try {
    for (const { address, port } of endpoints) {
      const server = createServer();
      servers.push(server);
      server.listen({ host: address, port, backlog, exclusive: true });
      await once(server, 'listening');
    }
    return servers;
  } catch (error) {
    for (const server of servers) server.close();
    throw new ListenError(endpoints, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Sockets in the network namespace of this process. */
export const realSockets: Sockets = { listen };
