// Where a host serves the orchestrators of other machines: first, with a token, only to be joined; then by mutual TLS.
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { MutualTls } from '@isthmus/agent';
import type { JoinToken } from '@isthmus/contract';
import type { Log } from '@isthmus/host';
import type { FastifyInstance } from 'fastify';
import { createJoinApp, serveCertificates } from '../api/identity-routes.ts';
import { carryStream, isMigrationStream } from '../api/incoming-routes.ts';
import { serveTunnels } from '../api/tunnel.ts';
import { isConsoleStream } from '../consoles/carry.ts';
import type { HostAgent } from '../host-agent.ts';
import { HostCertificates, type Membership } from './host-certificates.ts';
import type { HostIdentity, HostIdentityStore } from './host-identity.ts';
import { JoinTls } from './join-tls.ts';

const connectionLimit = 256;
/** A peer whose power is gone is found out after this long silence. */
const probeAfterMs = 10_000;

/** What a listener is made with. `app` is the host agent's API, not listening or listening elsewhere. */
export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly app: FastifyInstance;
  readonly agent: HostAgent;
  readonly store: HostIdentityStore;
  readonly membership: Membership;
  readonly log: Log;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #certificates: HostCertificates;
  readonly #connections = new Set<Socket>();
  #join: { readonly tls: JoinTls; readonly app: FastifyInstance } | null = null;
  #mutual: MutualTls | null = null;
  #endTunnels: () => void = () => {};

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { store, membership, app } = options;
    this.#certificates = new HostCertificates(store, membership, (identity) => this.#use(identity));
    serveCertificates(app, this.#certificates);
    this.#server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: probeAfterMs,
    });
    this.#server.maxConnections = connectionLimit;
    this.#server.on('connection', (socket) => this.#take(socket));
  }

  /** Who this host is; null until it has joined. */
  get identity(): HostIdentity | null {
    return this.#certificates.identity;
  }

  /** Serves. `app` must be ready. Throws where the address is not this host's, or the port is taken. */
  async listen(): Promise<void> {
    const { address, port, log } = this.#options;
    const { membership } = this.#certificates;
    if ('identity' in membership) this.#use(membership.identity);
    else if ('token' in membership) await this.#awaitJoin(membership.token);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port, exclusive: true }, () => resolve());
    });
    const how = 'identity' in membership ? 'by mutual TLS' : 'to be joined';
    log.info(`the host agent listens ${how}`, { address, port });
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#endTunnels();
    for (const socket of this.#connections) socket.destroy();
    await closed;
    await this.#join?.app.close();
  }

  #take(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    const server = this.#mutual?.server ?? this.#join?.tls.server;
    if (server === undefined) socket.destroy();
    else server.emit('connection', socket);
  }

  async #awaitJoin(token: JoinToken): Promise<void> {
    const { agent, log } = this.#options;
    const app = createJoinApp(agent, this.#certificates);
    await app.ready();
    const tls = new JoinTls(token, log);
    tls.server.on('request', (request, response) => app.routing(request, response));
    this.#join = { tls, app };
  }

  #use(identity: HostIdentity): void {
    const { app, agent, log } = this.#options;
    const { consoles } = agent;
    if (this.#mutual !== null) {
      this.#mutual.use(identity);
      return;
    }
    const incoming = agent.incomingIfAny();
    const mutual = new MutualTls(identity, {
      log,
      refused: 'a connection to the host agent was refused',
      expects: (hostId) => consoles.expects(hostId) || (incoming?.expects(hostId) ?? false),
    });
    mutual.server.on('request', (request, response) => {
      if (mutual.admits(request.socket)) app.routing(request, response);
    });
    const tunnels = new EventEmitter();
    this.#endTunnels = serveTunnels(tunnels, agent, (client) => mutual.admits(client));
    mutual.server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
      if (isConsoleStream(request)) {
        const hostId = mutual.admitsHost(client);
        if (hostId !== null) void consoles.carry(hostId, { request, client, head });
        return;
      }
      if (incoming === null || !isMigrationStream(request)) {
        tunnels.emit('upgrade', request, client, head);
        return;
      }
      const hostId = mutual.admitsHost(client);
      if (hostId !== null) void carryStream(incoming, hostId, { request, client, head });
    });
    this.#mutual = mutual;
    this.#join?.tls.close();
  }
}
