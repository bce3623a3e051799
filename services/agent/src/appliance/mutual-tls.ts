// Mutual TLS of whoever serves the control path: an appliance's agent, a host that has joined. A peer that is not an
// orchestrator of the installation gets no HTTP answer at all, besides a host that is expected.
import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { type CertificateGrant, type CertificateRole, holderOfSubjectAltName } from '@isthmus/contract';
import type { Log } from '@isthmus/host';
import { checkPeer } from './certificate-check.ts';

const handshakeMs = 10_000;

/** Who serves: `privateKey` in PEM, and the certificate for it. */
export interface ServerIdentity {
  readonly installation: string;
  readonly privateKey: string;
  readonly grant: CertificateGrant;
}

/** `refused`: what the log says of a peer that is not admitted. `expects`: of a host, whether it is; default: none is. */
export interface MutualTlsOptions {
  readonly log: Log;
  readonly refused: string;
  readonly expects?: (hostId: string) => boolean;
}

function contextOf({ privateKey, grant }: ServerIdentity): SecureContextOptions {
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
  /** Listens, or takes raw connections as its `connection` events. */
  readonly server: Server;
  readonly #options: MutualTlsOptions;
  readonly #open = new Map<TLSSocket, string>();
  #identity: ServerIdentity;
  #revoked: ReadonlySet<string>;

  constructor(identity: ServerIdentity, options: MutualTlsOptions) {
    this.#identity = identity;
    this.#revoked = new Set(identity.grant.revoked);
    this.#options = options;
    this.server = createServer({
      ...contextOf(identity),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: handshakeMs,
    });
    this.server.headersTimeout = handshakeMs;
    this.server.prependListener('secureConnection', (socket) => this.#admit(socket));
    this.server.on('tlsClientError', (error, socket) => {
      // Who hangs up before the handshake has ended, such as a look whether the port is open, was not refused.
      const hasHungUp = 'code' in error && error.code === 'ECONNRESET';
      if (hasHungUp) options.log.debug('a connection ended before its handshake', { peer: socket.remoteAddress });
      else this.#refuse(socket, error.message);
      socket.destroy();
    });
  }

  /** New connections meet this identity; open ones go on, unless their certificate is revoked now. */
  use(identity: ServerIdentity): void {
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

  /** The id of the host whose connection it is, where it is expected; else null, and it was ended. */
  admitsHost(socket: unknown): string | null {
    if (!(socket instanceof TLSSocket)) return null;
    const hostId = this.#expectedHost(socket);
    if (hostId === null) this.#refuse(socket, 'no host is expected, or another one');
    return hostId;
  }

  #refuse(socket: TLSSocket, reason: string): void {
    const { log, refused } = this.#options;
    log.warn(refused, { peer: socket.remoteAddress, reason });
    socket.destroy();
  }

  #expectedHost(socket: TLSSocket): string | null {
    if (this.#faultOf(socket, 'host') !== null) return null;
    const { id } = holderOfSubjectAltName(socket.getPeerX509Certificate()?.subjectAltName) ?? {};
    return id !== undefined && this.#options.expects?.(id) === true ? id : null;
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
