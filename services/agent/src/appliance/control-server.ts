// The agent's API on the control address, by mutual TLS.
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '@isthmus/host';
import { MutualTls, type ServerIdentity } from './mutual-tls.ts';
import type { UpgradeRequest } from './role.ts';

/** A connection that says nothing for this long is closed. */
const idleMs = 120_000;
const connectionLimit = 64;

export class ControlServer {
  readonly #tls: MutualTls;

  /** `upgrade` takes over connections that ask for it; without it, such a request is like any other. */
  constructor(
    identity: ServerIdentity,
    listener: RequestListener,
    log: Log,
    upgrade?: (upgrade: UpgradeRequest) => void,
  ) {
    const tls = new MutualTls(identity, { log, refused: 'a control connection was refused' });
    this.#tls = tls;
    tls.server.maxConnections = connectionLimit;
    tls.server.setTimeout(idleMs);
    tls.server.on('request', (request, response) => {
      if (tls.admits(request.socket)) listener(request, response);
    });
    if (upgrade === undefined) return;
    tls.server.on('upgrade', (request, socket, head) => {
      const isAdmitted = () => tls.admits(request.socket);
      if (isAdmitted()) upgrade({ request, socket, head, isAdmitted });
    });
  }

  /** Listens and answers with the port. Throws where the address is not this machine's. */
  async listen(host: string, port: number): Promise<number> {
    const { server } = this.#tls;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => resolve());
    });
    return (server.address() as AddressInfo).port;
  }

  /** New connections meet this identity; open ones go on, unless their certificate is revoked now. */
  use(identity: ServerIdentity): void {
    this.#tls.use(identity);
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const { server } = this.#tls;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    this.#tls.close();
    await closed;
  }
}
