// Connections of the control path: to a host agent's Unix socket, or by mutual TLS to exactly one named peer.
import { X509Certificate } from 'node:crypto';
import { Agent, type AgentOptions, type RequestOptions } from 'node:http';
import { type NetConnectOpts, connect as netConnect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, type PeerCertificate, TLSSocket, connect as tlsConnect } from 'node:tls';
import { type CertificateHolder, holderOfSubjectAltName, holderUri } from '@isthmus/contract';
import type { ControlIdentity } from './control-identity.ts';
import { PeerIdentityError } from './errors.ts';

/** A peer that is there answers a new connection within this time. */
const connectTimeoutMs = 5_000;
/** A peer whose power is gone is found out by the kernel's probes: this long silence, then one a second, ten in all. */
const probeAfterMs = 2_000;

/** The peer of a connection: its role and id. */
export type Peer = Pick<CertificateHolder, 'role' | 'id'>;

/** Throws PeerIdentityError unless the certificate is the peer's own and not revoked. Chain and expiry are OpenSSL's to check. */
export function checkPeer(identity: ControlIdentity, peer: Peer, certificate: PeerCertificate): void {
  const expected = holderUri({ installation: identity.installation, ...peer });
  const shown = holderOfSubjectAltName(certificate.subjectaltname);
  if (shown === null || holderUri(shown) !== expected) {
    const name =
      shown === null ? 'a certificate of nobody on the control path' : `the certificate of ${holderUri(shown)}`;
    throw new PeerIdentityError(`it shows ${name}, expected that of ${expected}`);
  }
  if (identity.isRevoked(certificate.serialNumber)) {
    throw new PeerIdentityError(`it shows the revoked certificate ${certificate.serialNumber} of ${expected}`);
  }
}

/** Throws PeerIdentityError unless a CA that is trusted has signed the certificate, whether or not it has expired. */
function checkIssuer(authorities: readonly string[], certificate: X509Certificate): void {
  const isIssued = authorities
    .map((pem) => new X509Certificate(pem))
    .some((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
  const isYoung = certificate.validFromDate > new Date();
  if (!isIssued || isYoung)
    throw new PeerIdentityError('it shows a certificate that no CA of this installation signed');
}

/**
 * TLS 1.3 with this orchestrator's certificate over a connection that is open, to a peer that must show its own. The
 * handshake proves that the peer has the key.
 */
export async function secureTo(connection: Duplex, identity: ControlIdentity, peer: Peer): Promise<TLSSocket> {
  const options = mutualTlsOptions(identity, peer);
  if (identity.acceptsExpired !== true) return secure(connection, options);
  const secured = await secure(connection, { ...options, rejectUnauthorized: false });
  try {
    const shown = secured.getPeerCertificate();
    checkPeer(identity, peer, shown);
    // Not getPeerX509Certificate: after it the other one has no answer any more (Node 24).
    checkIssuer(identity.current().authorities, new X509Certificate(shown.raw));
    return secured;
  } catch (error) {
    secured.destroy();
    throw error;
  }
}

function mutualTlsOptions(identity: ControlIdentity, peer: Peer): ConnectionOptions {
  const { certificate, privateKey, authorities } = identity.current();
  return {
    cert: certificate,
    key: privateKey,
    ca: [...authorities],
    minVersion: 'TLSv1.3',
    checkServerIdentity: (_host, shown) => {
      try {
        checkPeer(identity, peer, shown);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
  };
}

function settled<Connection extends Socket>(
  connection: Connection,
  event: 'connect' | 'secureConnect',
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => connection.destroy(new Error(`no connection within ${connectTimeoutMs / 1000} s`)),
      connectTimeoutMs,
    );
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    const closed = () => fail(new Error('the connection was closed at once'));
    connection.once('error', fail);
    connection.once('close', closed);
    connection.once(event, () => {
      clearTimeout(timer);
      connection.off('error', fail);
      connection.off('close', closed);
      resolve(connection);
    });
  });
}

/** A plain connection to a Unix socket or a TCP port. */
export function connectPlain(to: NetConnectOpts): Promise<Socket> {
  const connection = netConnect({ keepAlive: true, keepAliveInitialDelay: probeAfterMs, ...to });
  return settled(connection, 'connect');
}

/**
 * TLS over a connection that is open, which goes with it, also where the handshake fails. No session is kept: each
 * connection is a whole handshake, which checks the peer.
 */
export async function secure(connection: Duplex, options: ConnectionOptions): Promise<TLSSocket> {
  try {
    return await settled(tlsConnect({ ...options, socket: connection }), 'secureConnect');
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

function serialNumberOf(connection: Duplex): string | null {
  return connection instanceof TLSSocket ? (connection.getPeerCertificate().serialNumber ?? null) : null;
}

/**
 * Keeps HTTP connections that `open` makes. None is given out again once its peer's certificate was revoked or this
 * orchestrator's own was renewed: a peer ends connections of a certificate that has expired.
 */
export class ControlAgent extends Agent {
  readonly #open: () => Promise<Duplex>;
  readonly #identity: ControlIdentity | null;
  /** Own certificate of each connection that may be used again; null without TLS. */
  readonly #connections = new Map<Duplex, string | null>();
  /** Of the newest connection's peer; null: there is none, or it shows none. */
  shownSerialNumber: string | null = null;

  /** `identity` is whose certificate `open` shows; null: none. */
  constructor(open: () => Promise<Duplex>, identity: ControlIdentity | null, options?: AgentOptions) {
    super({ keepAlive: true, maxSockets: 64, ...options });
    this.#open = open;
    this.#identity = identity;
  }

  override createConnection(
    _options: RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#connect().then(
      (stream) => callback?.(null, stream),
      (error: unknown) => {
        // Node's type wants a stream beside an error; its implementation reads the error alone.
        const fail = callback as ((error: Error) => void) | undefined;
        fail?.(error instanceof Error ? error : new Error(String(error)));
      },
    );
    return undefined;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    return this.#isGood(socket) && Boolean(super.keepSocketAlive(socket as Socket));
  }

  /** To be called before a call: idle connections that must not be used again end. */
  prune(): void {
    for (const idle of Object.values(this.freeSockets).flatMap((sockets) => sockets ?? [])) {
      if (!this.#isGood(idle)) idle.destroy();
    }
  }

  /** Ends connections that are idle, and the others once their call is answered. */
  retire(): void {
    this.shownSerialNumber = null;
    this.#connections.clear();
    this.prune();
  }

  async #connect(): Promise<Duplex> {
    const certificate = this.#identity?.current().certificate ?? null;
    const stream = await this.#open();
    this.shownSerialNumber = serialNumberOf(stream);
    this.#connections.set(stream, certificate);
    stream.once('close', () => this.#connections.delete(stream));
    return stream;
  }

  #isGood(connection: Duplex): boolean {
    if (!this.#connections.has(connection)) return false;
    if (this.#identity === null) return true;
    const isOwn = this.#connections.get(connection) === this.#identity.current().certificate;
    return isOwn && !this.#identity.isRevoked(serialNumberOf(connection) ?? '');
  }
}
