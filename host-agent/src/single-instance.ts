// One host agent per installation: whoever listens on an abstract Unix socket (unix(7)) is the one. The kernel gives the
// name back when the process ends, however it ends.
import { createServer } from 'node:net';

/** True where this process is now the installation's only host agent, until it ends. */
export function claimInstallation(installation: string): Promise<boolean> {
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
