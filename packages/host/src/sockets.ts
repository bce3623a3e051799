import type { Server } from 'node:net';

/** Where to listen: an IPv4 address that is the machine's own, and a TCP port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * Sockets of a machine. `listen` answers with one listening server for each endpoint, in their order, all of them or
 * none. Connections that come before it answers are ended; whoever is answered serves the next ones without a pause, by
 * `listen(handle)` of a server of node:http or by `on('connection')`. They end with this process. Throws ListenError.
 */
export interface Sockets {
  listen(endpoints: readonly Endpoint[]): Promise<readonly Server[]>;
}

/** Sockets that could not be opened; says which, and why. */
export class ListenError extends Error {
  constructor(endpoints: readonly Endpoint[], reason: string, options?: ErrorOptions) {
    const where = endpoints.map(({ address, port }) => `${address}:${port}`).join(', ');
    super(`cannot listen on ${where}: ${reason}`, options);
    this.name = 'ListenError';
  }
}
