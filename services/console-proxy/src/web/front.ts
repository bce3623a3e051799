// Where browsers come in: one listening socket, HTTP or HTTPS behind it, and the WebSocket of consoles. Its address, its
// certificate and its limits are exchanged while connections live.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { createServer as createListener, type Server as Listener, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { type ConsoleProxyDocument, consoleFrameLimit, consoleSubprotocol } from '@isthmus/contract';
import { fastify } from 'fastify';
import { WebSocketServer } from 'ws';
import type { ConsoleProxyParts } from '../session/ports.ts';
import { Viewer } from '../session/viewer.ts';
import { Admission, type PendingConnection } from './admission.ts';
import { Guesses } from './guesses.ts';
import { Refusals } from './refusals.ts';
import { RequestRefused, readUpgradeRequest } from './upgrade-request.ts';

/** Bytes of a request's line and headers. */
const maxHeaderSize = 8192;
/** A close frame that is not answered in this time is not waited for. */
const closeMs = 2000;
const headersMs = 10_000;

const serverOptions = {
  maxHeaderSize,
  headersTimeout: headersMs,
  requestTimeout: headersMs,
  keepAliveTimeout: 1000,
  noDelay: true,
} as const;

const webSocketOptions = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: consoleFrameLimit,
  closeTimeout: closeMs,
  handleProtocols: (offered: Set<string>) =>
    offered.has(consoleSubprotocol) ? consoleSubprotocol : offered.has('binary') && 'binary',
} as const;

function isTcp(socket: Duplex): socket is Socket {
  return 'remoteAddress' in socket;
}

function contextOf({ tls }: ConsoleProxyDocument) {
  return tls === null ? null : { cert: tls.certificateChain, key: tls.privateKey, minVersion: 'TLSv1.2' as const };
}

/** Who opened a WebSocket, and its place among those that have no session yet. */
export type Arrival = (viewer: Viewer, pending: PendingConnection) => void;

export class Front {
  readonly #host: ConsoleProxyParts['host'];
  readonly #arrive: Arrival;
  readonly #admission: Admission;
  readonly #guesses: Guesses;
  readonly #refusals: Refusals;
  readonly #webSockets: WebSocketServer;
  readonly #plain: Server;
  readonly #secure: TlsServer;
  readonly #app = fastify({ logger: false, bodyLimit: 1, routerOptions: { maxParamLength: 100 } });
  #listener: Listener | null = null;
  #document: ConsoleProxyDocument | null = null;

  constructor({ host, isOwn = () => false }: Pick<ConsoleProxyParts, 'host' | 'isOwn'>, arrive: Arrival) {
    this.#host = host;
    this.#arrive = arrive;
    this.#admission = new Admission(() => host.clock.monotonicMs(), isOwn);
    this.#guesses = new Guesses(() => host.clock.monotonicMs());
    this.#refusals = new Refusals(host.log);
    this.#webSockets = new WebSocketServer(webSocketOptions);
    this.#app.get('/healthz', (_request, reply) => reply.header('connection', 'close').type('text/plain').send('ok\n'));
    this.#app.setNotFoundHandler((_request, reply) =>
      reply.code(404).header('connection', 'close').type('text/plain').send('not found\n'),
    );
    this.#plain = createServer(serverOptions);
    this.#secure = createTlsServer({ ...serverOptions, handshakeTimeout: headersMs });
    for (const server of [this.#plain, this.#secure]) {
      server.on('request', (request, response) => this.#app.routing(request, response));
      server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
      server.on('clientError', (_error, socket) => socket.destroy());
    }
    this.#secure.on('tlsClientError', (_error, socket) => {
      this.#refusals.note('no TLS handshake', socket.remoteAddress ?? '');
      socket.destroy();
    });
  }

  get pending(): number {
    return this.#admission.pending;
  }

  /** Throws ListenError, and Error where the certificate does not fit its key; then nothing has changed. */
  async use(document: ConsoleProxyDocument): Promise<void> {
    const context = contextOf(document);
    if (context !== null) createSecureContext(context);
    await this.#app.ready();
    const before = this.#document;
    const isElsewhere = before?.publicAddress !== document.publicAddress || before.port !== document.port;
    const listener = isElsewhere ? await this.#listen(document) : this.#listener;
    if (context !== null) this.#secure.setSecureContext(context);
    this.#document = document;
    if (listener === this.#listener) return;
    this.#listener?.close();
    this.#listener = listener;
  }

  /** A ticket was shown in vain from there. */
  guessed(address: string): void {
    this.#guesses.note(address);
  }

  /** To be called every second or so. */
  sweep(): void {
    this.#admission.sweep();
    this.#refusals.sweep();
  }

  /** Listens no more. */
  close(): void {
    this.#listener?.close();
    this.#listener = null;
    this.#document = null;
  }

  async #listen({ publicAddress, port }: ConsoleProxyDocument): Promise<Listener> {
    const [handle] = await this.#host.sockets.listen([{ address: publicAddress, port }]);
    return createListener({ noDelay: true, pauseOnConnect: false }, (socket) => this.#accept(socket)).listen(handle);
  }

  #accept(socket: Socket): void {
    // A peer that goes before anything else has the socket.
    socket.on('error', () => socket.destroy());
    const document = this.#document;
    if (document === null) {
      socket.destroy();
      return;
    }
    const admitted = this.#admission.admit(socket, document.limits);
    if (admitted !== 'admitted') {
      this.#refusals.note(`too many connections without a session: ${admitted}`, socket.remoteAddress ?? '');
      socket.destroy();
      return;
    }
    (document.tls === null ? this.#plain : this.#secure).emit('connection', socket);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const document = this.#document;
    const pending = isTcp(socket) ? this.#admission.of(socket) : undefined;
    if (document === null || !isTcp(socket) || pending === undefined) {
      socket.destroy();
      return;
    }
    try {
      const { origin, plain } = readUpgradeRequest(request, document.origins);
      const { address, isOwn } = pending;
      if (!isOwn && this.#guesses.areTooMany(address)) throw new RequestRefused(429, 'too many tickets in vain');
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.#arrive(new Viewer(webSocket, socket, { origin, plain, address }), pending),
      );
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
      this.#refusals.note(error.message, pending.address);
      socket.end(`HTTP/1.1 ${error.status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    }
  }
}
