// Mutual TLS of a host that has joined. A peer that is not an orchestrator of its installation gets no HTTP answer at all,
// besides a host that an instance is expected from, at the streams of that instance.
import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { checkPeer } from '@isthmus/agent';
import { type CertificateRole, holderOfSubjectAltName } from '@isthmus/contract';
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
  readonly #expects: (hostId: string) => boolean;
  readonly #open = new Map<TLSSocket, string>();
  #identity: HostIdentity;
  #revoked: ReadonlySet<string>;

  /** `expects` says whether an instance of that host's is expected now. */
  constructor(identity: HostIdentity, log: Log, expects: (hostId: string) => boolean) {
    this.#identity = identity;
    this.#expects = expects;
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
    const reason = this.#faultOf(socket, 'orchestrator');
    if (reason === null) return true;
    this.#refuse(socket, reason);
    return false;
  }

  /** The id of the host whose connection it is, where an instance is expected from it; else null, and it was ended. */
  admitsHost(socket: unknown): string | null {
    if (!(socket instanceof TLSSocket)) return null;
    const hostId = this.#expectedHost(socket);
    if (hostId === null) this.#refuse(socket, 'expected a host whose instance was announced');
    return hostId;
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.#log.warn('a connection to the host agent was refused', { peer: socket.remoteAddress, reason });
    socket.destroy();
  }

  #expectedHost(socket: TLSSocket): string | null {
    if (this.#faultOf(socket, 'host') !== null) return null;
    const { id } = holderOfSubjectAltName(socket.getPeerX509Certificate()?.subjectAltName) ?? {};
    return id !== undefined && this.#expects(id) ? id : null;
  }

  #faultOf(socket: TLSSocket, role: CertificateRole): string | null {
    const { installation } = this.#identity;
    if (!socket.authorized) return 'the certificate is not one of the authorities';
    const expected = { installation, revoked: this.#revoked, now: new Date(), role };
    return checkPeer(socket.getPeerX509Certificate(), expected);
  }

  #admit(socket: TLSSocket): void {
    if (this.#expectedHost(socket) === null && !this.admits(socket)) return;
    this.#open.set(socket, socket.getPeerX509Certificate()?.serialNumber ?? '');
    socket.once('close', () => this.#open.delete(socket));
  }
}
