// The HTTP servers of one router: its guests are strangers, so each gets a small share of everything.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Endpoint, Sockets } from '@isthmus/host';

/** Connections at once: of all guests, and of one. */
const maxConnections = 8192;
const maxConnectionsOfGuest = 16;
/** Bytes of a request's line and headers. */
const maxHeaderSize = 8192;
const [headersTimeoutMs, requestTimeoutMs, keepAliveMs, idleMs] = [10_000, 15_000, 15_000, 30_000];

/** Answers one request; `source`: the address of the connection, and nothing that the request says. */
export type Answer = (source: string, request: IncomingMessage, response: ServerResponse) => void;

/** Endpoints that are served alike. */
export interface Door {
  readonly endpoints: readonly Endpoint[];
  readonly answer: Answer;
}

/** The listening sockets in a router's namespace, and who is connected to them. */
export class MetadataListener {
  readonly #sockets: Sockets;
  readonly #connections = new Map<string, number>();
  readonly #servers = new Map<string, Server>();

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  /** True where every one of these is served, and nothing else. */
  serves(doors: readonly Door[]): boolean {
    const wanted = new Set(doors.flatMap(({ endpoints }) => endpoints.map(keyOf)));
    return wanted.size === this.#servers.size && [...wanted].every((key) => this.#servers.get(key)?.listening === true);
  }

  /** Opens what is absent, then closes what is not wanted. Throws ListenError, and then has changed nothing. */
  async become(doors: readonly Door[]): Promise<void> {
    const isServed = (endpoint: Endpoint) => this.#servers.get(keyOf(endpoint))?.listening === true;
    const absent = doors.flatMap(({ endpoints, answer }) =>
      endpoints.filter((endpoint) => !isServed(endpoint)).map((endpoint) => ({ endpoint, answer })),
    );
    const handles = absent.length === 0 ? [] : await this.#sockets.listen(absent.map(({ endpoint }) => endpoint));
    for (const [index, { endpoint, answer }] of absent.entries()) {
      const handle = handles[index];
      if (handle === undefined) continue;
      this.#servers.set(keyOf(endpoint), this.#server(answer).listen(handle));
    }
    const wanted = new Set(doors.flatMap(({ endpoints }) => endpoints.map(keyOf)));
    for (const key of [...this.#servers.keys()].filter((each) => !wanted.has(each))) this.#close(key);
  }

  /** Ends every connection, since an open one would keep the router's namespace alive. */
  close(): void {
    for (const key of [...this.#servers.keys()]) this.#close(key);
  }

  #close(key: string): void {
    const server = this.#servers.get(key);
    this.#servers.delete(key);
    server?.close();
    server?.closeAllConnections();
  }

  #server(answer: Answer): Server {
    const server = createServer(
      {
        maxHeaderSize,
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: keepAliveMs,
      },
      (request, response) => {
        // No request has a body that anyone reads.
        if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) {
          response.setHeader('Connection', 'close');
        }
        answer(request.socket.remoteAddress ?? '', request, response);
      },
    );
    server.maxConnections = maxConnections;
    server.setTimeout(idleMs);
    server.on('connection', (socket) => this.#count(socket));
    return server;
  }

  #count(socket: Socket): void {
    const source = socket.remoteAddress ?? '';
    const open = (this.#connections.get(source) ?? 0) + 1;
    if (open > maxConnectionsOfGuest) {
      socket.destroy();
      return;
    }
    this.#connections.set(source, open);
    socket.once('close', () => {
      const left = (this.#connections.get(source) ?? 1) - 1;
      if (left > 0) this.#connections.set(source, left);
      else this.#connections.delete(source);
    });
  }
}

function keyOf({ address, port }: Endpoint): string {
  return `${address}:${port}`;
}
