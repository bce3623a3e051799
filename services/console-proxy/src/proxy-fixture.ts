// A console proxy on a loopback address of its own for tests: the test is its directory, and its log is kept.
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  type ConsoleAnswer,
  type ConsoleMode,
  type ConsoleOpening,
  type ConsoleProxyDocument,
  type ConsoleReason,
  type ConsoleTarget,
  consoleSocketPath,
  consoleSubprotocol,
  type ProxyNotice,
  type RfbSecurity,
} from '@isthmus/contract';
import { createHost, createLog } from '@isthmus/host';
import { parseIpv4Address } from '@isthmus/net';
import { type ClientOptions, WebSocket } from 'ws';
import { ConsoleProxy } from './console-proxy.ts';
import type { TicketRequest } from './session/ports.ts';

export const pageOrigin = 'https://console.example.org';
export const secret = () => randomBytes(32).toString('base64url');
const port = 8080;

type Limits = ConsoleProxyDocument['limits'];
/** Of a test: what ends with it. */
type Teardown = { teardown(end: () => void | Promise<void>): void };

export const limits: Limits = {
  sessions: 2000,
  pending: 200,
  pendingPerAddress: 100,
  handshakeSeconds: 20,
  idleSeconds: 0,
  absoluteSeconds: 0,
  pingSeconds: 20,
};

export function proxyDocument(address: string, of: Partial<Limits> = {}): ConsoleProxyDocument {
  return {
    publicAddress: parseIpv4Address(address),
    prefixLength: 8,
    gateway: parseIpv4Address('127.0.0.1'),
    port,
    tls: null,
    origins: [pageOrigin],
    limits: { ...limits, ...of },
    draining: false,
  };
}

export function openingOf(target: ConsoleTarget, of: Partial<ConsoleOpening> = {}): ConsoleOpening {
  const security: RfbSecurity = { types: ['None'] };
  const session = randomUUID();
  return {
    state: 'open',
    session,
    machine: 'web-1',
    console: 'vnc',
    mode: 'control',
    viewers: [],
    resume: secret(),
    target,
    security,
    ...of,
  };
}

/** What the fixture's directory answers. */
interface TestDirectory {
  readonly requests: TicketRequest[];
  readonly choices: { session: string; mode: ConsoleMode }[];
  redeem: (request: TicketRequest) => Promise<ConsoleAnswer>;
  choose: (session: string, mode: ConsoleMode) => Promise<ConsoleAnswer>;
}

/** A proxy that serves. `answers`: by ticket, each once, as an orchestrator does. */
export async function startProxy(t: Teardown, of: Partial<Limits> = {}) {
  const address = `127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(1, 255)}`;
  const answers = new Map<string, ConsoleAnswer>();
  const ended: { session: string; reason: ConsoleReason }[] = [];
  const lines: string[] = [];
  const refused: ConsoleAnswer = { state: 'refused', reason: 'ticket', message: 'No such ticket.' };
  const directory: TestDirectory = {
    requests: [],
    choices: [],
    redeem: async ({ ticket }) => {
      const answer = answers.get(ticket);
      answers.delete(ticket);
      return answer ?? refused;
    },
    choose: async () => refused,
  };
  const host = createHost({ log: createLog({ level: 'debug', destination: { write: (line) => lines.push(line) } }) });
  const proxy = new ConsoleProxy({
    host,
    directory: {
      redeem: (request) => {
        directory.requests.push(request);
        return directory.redeem(request);
      },
      choose: (session, mode) => {
        directory.choices.push({ session, mode });
        return directory.choose(session, mode);
      },
    },
    openDoor: async () => {
      throw new Error('there is no door');
    },
    ended: (session, reason) => ended.push({ session, reason }),
  });
  t.teardown(() => proxy.close());
  await proxy.use(proxyDocument(address, of));
  const ticketFor = (answer: ConsoleAnswer) => {
    const ticket = secret();
    answers.set(ticket, answer);
    return ticket;
  };
  return { proxy, address, port, directory, ended, log: () => lines.join(''), ticketFor };
}
export type TestProxy = Awaited<ReturnType<typeof startProxy>>;

/** A TCP server on loopback for the time of a test; `serve` gets each connection. */
export async function startTarget(t: Teardown, serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target: ConsoleTarget = { kind: 'tcp', address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { target, sockets };
}

/** ServerInit of a screen of 640 × 480 with this name. */
export function serverInitOf(name: string, width = 640, height = 480): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt16BE(width, 0);
  head.writeUInt16BE(height, 2);
  head.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
  head.writeUInt32BE(Buffer.byteLength(name), 20);
  return Buffer.concat([head, Buffer.from(name)]);
}

/** Does the part of a server of RFB 3.8 without security, and then calls `serve` with what comes. */
export function serveRfb(socket: Socket, serve: (chunk: Buffer) => void): void {
  const init = serverInitOf('screen');
  const script: [number, Buffer][] = [
    [12, Buffer.from([1, 1])],
    [1, Buffer.alloc(4)],
    [1, init],
  ];
  let begun = Buffer.alloc(0);
  socket.write('RFB 003.008\n');
  socket.on('data', (chunk) => {
    begun = Buffer.concat([begun, chunk]);
    for (let [step] = script; step !== undefined && begun.length >= step[0]; [step] = script) {
      script.shift();
      begun = begun.subarray(step[0]);
      socket.write(step[1]);
    }
    if (script.length > 0 || begun.length === 0) return;
    serve(begun);
    begun = Buffer.alloc(0);
  });
}

/** A page's WebSocket: its notices and bytes are kept until somebody reads them. */
class TestPage {
  readonly webSocket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #notices: ProxyNotice[] = [];
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    this.closed = new Promise((resolve) => {
      webSocket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    webSocket.on('error', () => {});
    webSocket.on('close', () => this.#wake());
    webSocket.on('message', (data, isBinary) => {
      if (isBinary) this.#bytes = Buffer.concat([this.#bytes, data as Buffer]);
      else {
        const notice = JSON.parse(String(data)) as ProxyNotice;
        if (notice.type !== 'alive') this.#notices.push(notice);
      }
      this.#wake();
    });
  }

  /** The next notice. Throws where the connection closes without one. */
  notice<Type extends ProxyNotice['type']>(type: Type): Promise<Extract<ProxyNotice, { type: Type }>> {
    return this.#until(type, () => {
      const next = this.#notices.shift();
      if (next !== undefined && next.type !== type) throw new Error(`${JSON.stringify(next)}, expected ${type}`);
      return next as Extract<ProxyNotice, { type: Type }> | undefined;
    });
  }

  bytes(length: number): Promise<Buffer> {
    return this.#until(`${length} bytes`, () => {
      if (this.#bytes.length < length) return undefined;
      const taken = this.#bytes.subarray(0, length);
      this.#bytes = this.#bytes.subarray(length);
      return taken;
    });
  }

  say(message: object): void {
    this.webSocket.send(JSON.stringify(message));
  }

  /** Resolves once the proxy has taken everything that was sent before. */
  async roundTrip(): Promise<void> {
    this.webSocket.ping();
    await once(this.webSocket, 'pong');
  }

  /** The viewer's part of the RFB handshake; answers with ServerInit. */
  async handshake(name = 'screen'): Promise<Buffer> {
    await this.bytes(12);
    this.webSocket.send('RFB 003.008\n', { binary: true });
    await this.bytes(2);
    this.webSocket.send(Buffer.from([1]));
    await this.bytes(4);
    this.webSocket.send(Buffer.from([1]));
    return this.bytes(24 + name.length);
  }

  async #until<Value>(what: string, take: () => Value | undefined): Promise<Value> {
    const end = performance.now() + 30_000;
    for (;;) {
      const value = take();
      if (value !== undefined) return value;
      if (this.webSocket.readyState === WebSocket.CLOSED) throw new Error(`closed in place of ${what}`);
      if (performance.now() > end) throw new Error(`no ${what} in 30 s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** `query`: of the address. `protocol`: empty for none. */
export interface PageOptions extends ClientOptions {
  readonly query?: string;
  readonly protocol?: string;
}

/** Opens a WebSocket to a proxy as the page does. Rejects with what it was answered in place of 101. */
export async function connectPage({ address, port }: TestProxy, options: PageOptions = {}) {
  const { query = '', protocol = consoleSubprotocol, ...rest } = options;
  const url = `ws://${address}:${port}${consoleSocketPath}${query}`;
  const protocols = protocol === '' ? [] : [protocol];
  const webSocket = new WebSocket(url, protocols, { origin: pageOrigin, perMessageDeflate: false, ...rest });
  const page = new TestPage(webSocket);
  await once(webSocket, 'open');
  return page;
}

/** A page whose session is open. */
export async function openPage(proxy: TestProxy, answer: ConsoleAnswer, options: PageOptions = {}) {
  const page = await connectPage(proxy, options);
  page.say({ type: 'open', ticket: proxy.ticketFor(answer) });
  return { page, opened: await page.notice('opened') };
}

/** Resolves once it is so. Throws after 30 s. */
export async function eventually(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not in 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
