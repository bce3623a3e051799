// Mutual TLS of a host that has joined. A peer that is not an orchestrator of its installation gets no HTTP answer at all.
import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { checkPeer } from '@isthmus/agent';
import type { Log } from '@isthmus/host';
import type { HostIdentity } from './host-identity.ts';

const handshakeMs = 10_000;

function contextOf({ privateKey, grant }: HostIdentity): SecureContextOptions {
  return {
    key: privateKey,
    cert: grant.certificate,
    ca: [...grant.authorities],
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // A resumed session would skip the look at the peer's chain.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

export class MutualTls {
  /** Takes raw connections as its `connection` events. */
  readonly server: Server;
  readonly #log: Log;
  readonly #open = new Map<TLSSocket, string>();
  #identity: HostIdentity;
  #revoked: ReadonlySet<string>;

  constructor(identity: HostIdentity, log: Log) {
    this.#identity = identity;
    this.#revoked = new Set(identity.grant.revoked);
    this.#log = log;
    this.server = createServer({
      ...contextOf(identity),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: handshakeMs,
    });
    this.server.headersTimeout = handshakeMs;
    this.server.prependListener('secureConnection', (socket) => this.#admit(socket));
    this.server.on('tlsClientError', (error, socket) => {
      this.#log.warn('a connection to the host agent was refused', { reason: error.message });
      socket.destroy();
    });
  }

  /** New connections meet this identity; open ones go on, unless their certificate is revoked now. */
  use(identity: HostIdentity): void {
    const before = this.#identity;
    this.#identity = identity;
    this.#revoked = new Set(identity.grant.revoked);
    const isOther = before.privateKey !== identity.privateKey || before.grant !== identity.grant;
    if (isOther) this.server.setSecureContext(contextOf(identity));
    for (const [socket, serialNumber] of this.#open) {
      // What is being answered on it, such as its own revocation, is answered first.
      if (this.#revoked.has(serialNumber)) setImmediate(() => socket.destroySoon());
    }
  }

  /** Ends every connection. */
  close(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /** To be asked at each request, since certificates end while connections live; false where the connection was ended. */
  admits(socket: unknown): boolean {
    if (!(socket instanceof TLSSocket)) return false;
    const reason = this.#faultOf(socket);
    if (reason === null) return true;
    this.#log.warn('a connection to the host agent was refused', { peer: socket.remoteAddress, reason });
    socket.destroy();
    return false;
  }

  #faultOf(socket: TLSSocket): string | null {
    const { installation } = this.#identity;
    if (!socket.authorized) return 'the certificate is not one of the authorities';
    return checkPeer(socket.getPeerX509Certificate(), { installation, revoked: this.#revoked, now: new Date() });
  }

  #admit(socket: TLSSocket): void {
    if (!this.admits(socket)) return;
    this.#open.set(socket, socket.getPeerX509Certificate()?.serialNumber ?? '');
    socket.once('close', () => this.#open.delete(socket));
  }
}
