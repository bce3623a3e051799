// TLS of a host that waits to be joined: both sides prove that they know the secret of the join token, and there is forward
// secrecy. TLS 1.2, since Node offers pre-shared keys up to that only.
import { createServer, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { type JoinToken, joinCiphers, joinPskIdentity } from '@isthmus/contract';
import type { Log } from '@isthmus/host';

const handshakeMs = 10_000;

export class JoinTls {
  /** Takes raw connections as its `connection` events. */
  readonly server: Server;
  readonly #open = new Set<TLSSocket>();
  #isClosed = false;

  constructor(token: JoinToken, log: Log) {
    const secret = Buffer.from(token.secret, 'base64url');
    const expected = joinPskIdentity(token);
    this.server = createServer({
      ciphers: joinCiphers,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      handshakeTimeout: handshakeMs,
      pskCallback: (_socket, identity) => (identity === expected ? secret : null),
    });
    this.server.headersTimeout = handshakeMs;
    this.server.prependListener('secureConnection', (socket) => {
      // It was opened before another one spent the token.
      if (this.#isClosed) {
        socket.destroy();
        return;
      }
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
    this.server.on('tlsClientError', (error, socket) => {
      log.warn('a connection to join this host was refused', { reason: error.message });
      socket.destroy();
    });
  }

  /** Ends every connection, each after what is being answered on it, and each that has not shaken hands yet. */
  close(): void {
    this.#isClosed = true;
    for (const socket of this.#open) setImmediate(() => socket.destroySoon());
  }
}
