// One host agent per installation: whoever listens on an abstract Unix socket (unix(7)) is the one. The kernel gives the
// name back when the process ends, however it ends.
import { createConnection, createServer } from 'node:net';
import type { Clock } from '@isthmus/host';

const endsWithinMs = 15_000;
const pauseMs = 50;

/**
 * True where this process is now the installation's only host agent, until it ends. Waits for one that is ending: that
 * has closed `socket` but not yet let go of its routers.
 */
export async function claimInstallation(installation: string, socket: string, clock: Clock): Promise<boolean> {
  const end = clock.monotonicMs() + endsWithinMs;
  for (;;) {
    if (await tryToClaim(installation)) return true;
    if ((await answers(socket)) || clock.monotonicMs() > end) return false;
    await clock.sleep(pauseMs);
  }
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.once('error', () => resolve(false));
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });
}

function tryToClaim(installation: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(`\0isthmus-host-agent-${installation}`, () => {
      server.unref();
      resolve(true);
    });
  });
}
