// Listening sockets of this process's own network namespace.
import type { Server } from 'node:net';
import { admitConnections } from './early-connections.ts';
import { openListeners } from './open-listeners.ts';
import { type Endpoint, ListenError, type Sockets } from './sockets.ts';

/** Connections that wait to be accepted; the kernel bounds it by net.core.somaxconn. */
export const backlog = 4096;

async function listen(endpoints: readonly Endpoint[]): Promise<readonly Server[]> {
  try {
    const servers = await openListeners(endpoints, backlog);
    for (const server of servers) admitConnections(server);
    return servers;
  } catch (error) {
    throw new ListenError(endpoints, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Sockets in the network namespace of this process. */
export const realSockets: Sockets = { listen };
