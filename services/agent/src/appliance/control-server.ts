// Mutual TLS on the control address. A peer that is not an orchestrator of this installation gets no HTTP answer at all.
import { constants } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';
import type { Log } from '@isthmus/host';
import { checkPeer } from './certificate-check.ts';
import type { ApplianceIdentity } from './identity-store.ts';

/** A connection that says nothing for this long is closed. */
const idleMs = 120_000;
const handshakeMs = 10_000;
const connectionLimit = 64;

function contextOf({ privateKey, grant }: ApplianceIdentity): SecureContextOptions {
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

export class ControlServer {
  readonly #server: Server;
  readonly #log: Log;
  readonly #open = new Map<TLSSocket, string>();
  #identity: ApplianceIdentity;
  #revoked: ReadonlySet<string>;

  constructor(identity: ApplianceIdentity, listener: RequestListener, log: Log) {
    this.#identity = identity;
    this.#revoked = new Set(identity.grant.revoked);
    this.#log = log;
    const options: TlsOptions = {
      ...contextOf(identity),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: handshakeMs,
    };
    this.#server = createServer(options, (request, response) => {
      // Certificates end while connections live.
      const fault = this.#faultOf(request.socket as TLSSocket);
      if (fault === null) listener(request, response);
      else this.#refuse(request.socket as TLSSocket, fault);
    });
    this.#server.maxConnections = connectionLimit;
    this.#server.setTimeout(idleMs);
    this.#server.headersTimeout = handshakeMs;
    this.#server.prependListener('secureConnection', (socket) => this.#admit(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      // Who hangs up before the handshake has ended, such as a look whether the port is open, was not refused.
      const hasHungUp = 'code' in error && error.code === 'ECONNRESET';
      const fields = { peer: socket.remoteAddress, reason: error.message };
      if (hasHungUp) this.#log.debug('a control connection ended before its handshake', fields);
      else this.#log.warn('a control connection was refused', fields);
      socket.destroy();
    });
  }

  /** Listens and answers with the port. Throws where the address is not this machine's. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, exclusive: true }, () => resolve());
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** New connections meet this identity; open ones go on, unless their certificate is revoked now. */
  use(identity: ApplianceIdentity): void {
    const before = this.#identity;
    this.#identity = identity;
    this.#revoked = new Set(identity.grant.revoked);
    const isOther = before.privateKey !== identity.privateKey || before.grant !== identity.grant;
    if (isOther) this.#server.setSecureContext(contextOf(identity));
    for (const [socket, serialNumber] of this.#open) {
      if (this.#revoked.has(serialNumber)) this.#end(socket);
    }
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    for (const socket of this.#open.keys()) socket.destroy();
    await closed;
  }

  #faultOf(socket: TLSSocket): string | null {
    const { installation } = this.#identity;
    if (!socket.authorized) return 'the certificate is not one of the authorities';
    const peer = socket.getPeerX509Certificate();
    return checkPeer(peer, { installation, revoked: this.#revoked, now: new Date() });
  }

  #admit(socket: TLSSocket): void {
    const fault = this.#faultOf(socket);
    if (fault !== null) {
      this.#refuse(socket, fault);
      return;
    }
    this.#open.set(socket, socket.getPeerX509Certificate()?.serialNumber ?? '');
    socket.once('close', () => this.#open.delete(socket));
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.#log.warn('a control connection was refused', { peer: socket.remoteAddress, reason });
    socket.destroy();
  }

  /** What is being answered on it, such as its own revocation, is answered first. */
  #end(socket: TLSSocket): void {
    setImmediate(() => socket.destroySoon());
  }
}
