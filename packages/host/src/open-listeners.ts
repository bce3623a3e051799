import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { refuseConnections } from './early-connections.ts';
import type { Endpoint } from './sockets.ts';

/**
 * Opens one socket after the other in this process's network namespace; they refuse connections (early-connections.ts).
 * Where one fails, none stays open, and its error is thrown.
 */
export async function openListeners(endpoints: readonly Endpoint[], backlog: number): Promise<Server[]> {
  const servers: Server[] = [];
  try {
    for (const { address, port } of endpoints) {
      const server = createServer();
      servers.push(server);
      refuseConnections(server);
      server.listen({ host: address, port, backlog, exclusive: true });
      await once(server, 'listening');
    }
    return servers;
  } catch (error) {
    const open = servers.filter(({ listening }) => listening);
    await Promise.all(open.map((server) => server.close() && once(server, 'close')));
    throw error;
  }
}
