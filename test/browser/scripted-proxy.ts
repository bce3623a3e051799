// A console proxy by hand: it says what a test tells it to, and carries bytes to a real server or to none.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import type { ConsoleKind, ConsoleMode, ConsoleViewer, PageMessage, ProxyNotice } from '@isthmus/contract';
import { type WebSocket, WebSocketServer } from 'ws';

/** A page that has come to the proxy. */
export interface PageConnection {
  /** What it has said, besides bytes. */
  readonly messages: readonly PageMessage[];
  /** The Origin that its browser gave. */
  readonly origin: string;
  /** The bytes that it sent. */
  readonly bytes: () => Buffer;
  say(notice: ProxyNotice): void;
  send(bytes: Buffer): void;
  /** Says `opened`, as far as the test does not say otherwise. */
  open(opened?: {
    console?: ConsoleKind;
    mode?: ConsoleMode;
    viewers?: ConsoleViewer[];
    aliveSeconds?: number;
    resume?: string;
  }): void;
  /** From now on bytes go to a server and back. */
  carry(server: NetConnectOpts): void;
  /** As kill -9: gone without a farewell. */
  kill(): void;
  /** Stops hearing and saying anything, and leaves the connection open. */
  freeze(): void;
}

export interface ScriptedProxy {
  readonly id: string;
  readonly socket: string;
  /** What happens when a page says something. Changes at any time. */
  act: (page: PageConnection, message: PageMessage) => void;
  readonly pages: PageConnection[];
  close(): Promise<void>;
}

/** 32 random bytes, as tickets and resume tokens are. */
export const newSecret = () => randomBytes(32).toString('base64url');

function pageOf(webSocket: WebSocket, origin: string): PageConnection & { messages: PageMessage[] } {
  const received: Buffer[] = [];
  const messages: PageMessage[] = [];
  webSocket.on('message', (data, isBinary) => {
    if (isBinary) received.push(data as Buffer);
  });
  const say = (notice: ProxyNotice) => webSocket.send(JSON.stringify(notice));
  return {
    messages,
    origin,
    bytes: () => Buffer.concat(received),
    say,
    send: (bytes) => webSocket.send(bytes),
    open: ({ console = 'vnc', mode = 'control', viewers = [], aliveSeconds, resume = newSecret() } = {}) =>
      say({
        type: 'opened',
        session: randomUUID(),
        machine: 'i-2-14-VM',
        console,
        mode,
        viewers,
        resume,
        ...(aliveSeconds === undefined ? {} : { aliveSeconds }),
      }),
    carry: (server) => {
      const socket = connect(server);
      socket.on('data', (chunk) => webSocket.send(chunk));
      socket.on('error', () => webSocket.terminate());
      webSocket.on('message', (data, isBinary) => {
        if (isBinary) socket.write(data as Buffer);
      });
      webSocket.on('close', () => socket.destroy());
    },
    kill: () => webSocket.terminate(),
    freeze: () => webSocket.pause(),
  };
}

/** Listens on a free port of the loopback address. */
export async function startScriptedProxy(act: ScriptedProxy['act']): Promise<ScriptedProxy> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/websockify' });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (typeof address === 'string' || address === null) throw new Error('the proxy listens nowhere');
  const proxy: ScriptedProxy = {
    id: randomUUID(),
    socket: `ws://127.0.0.1:${address.port}/websockify`,
    act,
    pages: [],
    close: async () => {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', (webSocket, request) => {
    const page = pageOf(webSocket, request.headers.origin ?? '');
    proxy.pages.push(page);
    webSocket.on('message', (data, isBinary) => {
      if (isBinary) return;
      const message = JSON.parse(String(data)) as PageMessage;
      page.messages.push(message);
      proxy.act(page, message);
    });
  });
  return proxy;
}

/** Takes connections on a free port of the loopback address, and answers nothing, as a machine that hangs. */
export async function startMute(): Promise<Pick<ScriptedProxy, 'id' | 'socket'> & { close(): Promise<void> }> {
  const taken: Socket[] = [];
  const server = createServer((socket) => taken.push(socket.on('error', () => undefined)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    id: randomUUID(),
    socket: `ws://127.0.0.1:${port}/websockify`,
    close: async () => {
      for (const socket of taken) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
