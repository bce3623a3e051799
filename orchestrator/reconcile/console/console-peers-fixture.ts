// The peers of the orchestrator's consoles, small and real: a host agent on a Unix socket with tunnels and grants, and
// console proxies that serve the channel by mutual TLS. Tests alone import this.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type {
  ConsoleAnswer,
  ConsoleGrant,
  ConsoleMode,
  ConsoleReason,
  HostReport,
  OrchestratorMessage,
  ProxyMessage,
} from '@isthmus/contract';
import { type WebSocket, WebSocketServer } from 'ws';
import { applianceOf, carryTunnel, type Held } from '../control-path-fixture.ts';

/** Waits until a condition holds; throws after `seconds`. */
export async function until<Value>(
  what: string,
  look: () => Promise<Value | null | undefined | false> | Value | null | undefined | false,
  seconds = 30,
): Promise<Value> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await look();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const hostReport: HostReport = {
  installation: 'ab12',
  hostname: 'host1',
  driver: 'libvirt',
  accelerator: 'tcg',
  bootId: randomUUID(),
  tunnelAddress: null,
  version: '0.1.0',
  cpus: 4,
  memoryBytes: 2 ** 34,
  memoryFreeBytes: 2 ** 33,
  pid: 1,
};

/** A host agent that knows grants of consoles, and leads to the console proxies of its host. */
export class ConsoleHost {
  readonly path = `/tmp/isthmus-console-host-${randomUUID()}.sock`;
  /** Grants that stand, by session. */
  readonly grants = new Map<string, ConsoleGrant>();
  readonly revoked: string[] = [];
  /** Runs before a grant is answered; what it throws is the refusal. */
  onGrant: (session: string) => Promise<void> = async () => {};
  readonly proxies = new Map<string, ConsoleProxyPeer>();
  readonly #sockets = new Set<Duplex>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, answer }) => {
        response.writeHead(status).end(answer === undefined ? undefined : JSON.stringify(answer));
      });
    });
    this.#server.on('connection', (socket: Socket) => this.#keep(socket));
    this.#server.on('upgrade', (request: IncomingMessage, client: Duplex) => this.#tunnel(request, client));
  }

  get url(): string {
    return `unix:${this.path}`;
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.path, { force: true });
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; answer?: unknown }> {
    const body = await text(request);
    const [, , resource, id = ''] = (request.url ?? '').split('/');
    if (resource === 'host') return { status: 200, answer: hostReport };
    if (resource !== 'consoles') return { status: 404, answer: { code: 'not-found', message: 'it is not there' } };
    if (request.method === 'DELETE') {
      this.grants.delete(id);
      this.revoked.push(id);
      return { status: 204 };
    }
    try {
      await this.onGrant(id);
    } catch (error) {
      return { status: 500, answer: { code: 'failed', message: String(error) } };
    }
    const grant = JSON.parse(body) as ConsoleGrant;
    this.grants.set(id, grant);
    const security = 'via' in grant.from ? null : { types: ['VncAuth'], password: 'of-the-machine' };
    return { status: 200, answer: { security } };
  }

  #tunnel(request: IncomingMessage, client: Duplex): void {
    const port = this.proxies.get(applianceOf(request))?.port ?? null;
    carryTunnel(client, port, 'connect ECONNREFUSED');
  }
}

/** What a page shows at a proxy. */
export interface Shown {
  readonly ticket: string;
  readonly origin: string;
  readonly extra?: string;
  readonly clientAddress?: string;
  readonly plain?: boolean;
  /** Default: a new one. */
  readonly id?: string;
}

/** A console proxy without browsers and consoles: it has the channels, and the sessions that it was told of. */
export class ConsoleProxyPeer {
  readonly id: string;
  readonly #held: Held;
  readonly #authority: string;
  #server: Server | null = null;
  #reporting: NodeJS.Timeout | null = null;
  /** True: it reports only when it is told to. */
  isQuiet = false;
  readonly #channels: WebSocket[] = [];
  readonly #sockets = new Set<Duplex>();
  /** Who waits for the answer to a request; one that was put twice is answered twice. */
  readonly #waiting = new Map<string, ((answer: ConsoleAnswer) => void)[]>();
  /** Sessions that are open here. */
  readonly sessions = new Set<string>();
  readonly ends: { readonly session: string; readonly reason: ConsoleReason }[] = [];
  readonly viewers = new Map<string, { readonly mode: ConsoleMode; readonly viewers: readonly unknown[] }>();
  /** True: answers are thrown away, as if their channel had broken. */
  isDeaf = false;

  constructor(id: string, held: Held, authority: string) {
    this.id = id;
    this.#held = held;
    this.#authority = authority;
  }

  get port(): number | null {
    return (this.#server?.address() as AddressInfo | null | undefined)?.port ?? null;
  }

  get channels(): number {
    return this.#channels.length;
  }

  async start(): Promise<void> {
    const { key, cert } = this.#held;
    const server = createTlsServer({ key, cert, ca: this.#authority, requestCert: true, minVersion: 'TLSv1.3' });
    const sockets = new WebSocketServer({ server, path: '/v1/console/channel' });
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
    sockets.on('connection', (channel) => this.#serve(channel));
    this.#server = server;
    this.#reporting = setInterval(() => {
      if (!this.isQuiet) this.report();
    }, 2_000);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  /** As if it were killed: what it had is gone. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (this.#reporting !== null) clearInterval(this.#reporting);
    this.sessions.clear();
    for (const socket of this.#sockets) socket.destroy();
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  /** Tells every orchestrator what is open. */
  report(bytes = 0): void {
    for (const channel of this.#channels) this.#reportOn(channel, bytes);
  }

  #reportOn(channel: WebSocket, bytes: number): void {
    const sessions = [...this.sessions].map((session) => {
      return { session, idleSeconds: 0, bytesToClient: bytes, bytesToTarget: bytes };
    });
    this.#send(channel, { kind: 'report', sessions, pending: 0, memoryBytes: 1, healthy: true });
  }

  /** `on`: number of the channel; by default the first. */
  async redeem(shown: Shown, on = 0): Promise<ConsoleAnswer> {
    const { id = randomUUID(), ticket, origin, extra = null, clientAddress = '192.0.2.77', plain = false } = shown;
    return this.#ask({ kind: 'redeem', id, ticket, extra, origin, clientAddress, plain }, on);
  }

  async choose(session: string, mode: ConsoleMode, on = 0): Promise<ConsoleAnswer> {
    return this.#ask({ kind: 'choose', id: randomUUID(), session, mode }, on);
  }

  /** A session is over, as far as this proxy is concerned. */
  leave(session: string, reason: ConsoleReason): void {
    this.sessions.delete(session);
    for (const channel of this.#channels) this.#send(channel, { kind: 'ended', session, reason });
  }

  /** Sends what is not a message. */
  babble(text: string): void {
    for (const channel of this.#channels) channel.send(text);
  }

  #ask(request: Extract<ProxyMessage, { readonly id: string }>, on: number): Promise<ConsoleAnswer> {
    const channel = this.#channels[on];
    if (channel === undefined) throw new Error(`proxy ${this.id} has ${this.#channels.length} channels`);
    return new Promise((resolve) => {
      this.#waiting.set(request.id, [...(this.#waiting.get(request.id) ?? []), resolve]);
      this.#send(channel, request);
    });
  }

  #send(channel: WebSocket, message: ProxyMessage): void {
    channel.send(JSON.stringify(message));
  }

  #serve(channel: WebSocket): void {
    this.#channels.push(channel);
    channel.on('error', () => channel.terminate());
    channel.on('close', () => this.#channels.splice(this.#channels.indexOf(channel), 1));
    channel.on('message', (data) => this.#heed(JSON.parse(String(data)) as OrchestratorMessage));
    this.#reportOn(channel, 0);
  }

  #heed(message: OrchestratorMessage): void {
    if (message.kind === 'end') {
      this.sessions.delete(message.session);
      this.ends.push({ session: message.session, reason: message.reason });
      return;
    }
    if (message.kind === 'viewers') {
      this.viewers.set(message.session, { mode: message.mode, viewers: message.viewers });
      return;
    }
    if (this.isDeaf) return;
    if (message.answer.state === 'open') this.sessions.add(message.answer.session);
    this.#waiting.get(message.id)?.shift()?.(message.answer);
  }
}
