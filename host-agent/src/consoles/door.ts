// The door: where console proxies of this host come for their consoles. It listens on the host's address on the control
// network, and knows who knocks by the control address, which no other can answer for. It leads to what was granted to
// that proxy, and nowhere else.
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { consoleDoorPort } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { answerOf } from '../api/check.ts';
import { HostAgentError } from '../errors.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { Upgrade } from './carry.ts';

const headersWithinMs = 5000;
const headerBytes = 4096;
/** Of one address, between its connection and its answer. */
const pendingLimit = 128;
const connectionLimit = 16_384;
/** A proxy whose power is gone is found out after this long silence. */
const probeAfterMs = 10_000;

/** `ownerOf` answers with the appliance that has a control address; `carry` with an upgrade of that appliance's. */
export interface DoorContext {
  readonly host: Pick<Host, 'sockets' | 'log'>;
  ownerOf(address: string): string | null;
  carry(applianceId: string, upgrade: Upgrade): void;
  /** Default: 5 s. */
  readonly headersWithinMs?: number;
}

export class ConsoleDoor {
  readonly #context: DoorContext;
  readonly #http: HttpServer;
  readonly #turns = new KeyedLock();
  readonly #open = new Set<Socket>();
  readonly #pending = new Map<string, number>();
  /** What to do once a connection has said what it wants. */
  readonly #settle = new Map<Socket, () => void>();
  #listening: { readonly address: string; readonly server: Server } | null = null;

  constructor(context: DoorContext) {
    this.#context = context;
    this.#http = createHttpServer({ maxHeaderSize: headerBytes, keepAlive: true });
    this.#http.on('request', ({ method, url }, response) => {
      const expected = 'expected GET /v1/consoles/ID/stream with an upgrade';
      const { status, body } = answerOf(new HostAgentError('not-found', `${method} ${url}: ${expected}`));
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(body));
    });
    this.#http.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
      this.#settle.get(request.socket)?.();
      const owner = this.#ownerOf(request.socket);
      if (owner === null) client.destroy();
      else this.#context.carry(owner, { request, client, head });
    });
    this.#http.on('clientError', (_error, client) => client.destroy());
  }

  /** Opens the door at `address`, unless it is open there. Throws ListenError where it cannot be. */
  ensure(address: string): Promise<void> {
    return this.#turns.run('door', async () => {
      if (this.#listening?.address === address && this.#listening.server.listening) return;
      this.#listening?.server.close();
      this.#listening = null;
      const [server] = await this.#context.host.sockets.listen([{ address, port: consoleDoorPort }]);
      if (server === undefined) return;
      server.maxConnections = connectionLimit;
      server.on('connection', (socket) => this.#take(socket));
      server.on('error', (error) => {
        this.#context.host.log.warn('the door of consoles failed', { address, error });
        server.close();
      });
      this.#listening = { address, server };
    });
  }

  /** Ends every connection. It may be opened again. */
  close(): Promise<void> {
    return this.#turns.run('door', async () => {
      const server = this.#listening?.server;
      this.#listening = null;
      const closed = new Promise<void>((resolve) => {
        if (server === undefined) resolve();
        else server.close(() => resolve());
      });
      for (const socket of this.#open) socket.destroy();
      await closed;
    });
  }

  #ownerOf({ remoteAddress = '' }: Socket): string | null {
    return this.#context.ownerOf(remoteAddress);
  }

  #take(socket: Socket): void {
    const { remoteAddress = '' } = socket;
    const pending = this.#pending.get(remoteAddress) ?? 0;
    socket.on('error', () => socket.destroy());
    if (this.#ownerOf(socket) === null || pending >= pendingLimit) {
      socket.destroy();
      return;
    }
    socket.setKeepAlive(true, probeAfterMs);
    socket.setNoDelay(true);
    this.#open.add(socket);
    this.#pending.set(remoteAddress, pending + 1);
    const timer = setTimeout(() => socket.destroy(), this.#context.headersWithinMs ?? headersWithinMs);
    const settle = () => {
      clearTimeout(timer);
      if (!this.#settle.delete(socket)) return;
      const others = (this.#pending.get(remoteAddress) ?? 1) - 1;
      if (others === 0) this.#pending.delete(remoteAddress);
      else this.#pending.set(remoteAddress, others);
    };
    this.#settle.set(socket, settle);
    socket.once('close', () => {
      settle();
      this.#open.delete(socket);
    });
    this.#http.emit('connection', socket);
  }
}
