// The health check's page: opens a console through the proxy's public listener, and looks at the screen.
import { randomInt, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type ConsoleProxyDocument, consoleSocketPath, consoleSubprotocol, type ProxyNotice } from '@isthmus/contract';
import { WebSocket } from 'ws';
import { readBytes } from '../rfb/byte-reader.ts';

type Front = Pick<ConsoleProxyDocument, 'publicAddress' | 'port' | 'tls' | 'origins'>;

/** Local ports above those that the kernel gives by itself (ip_local_port_range): nobody else's connection has one. */
const ownPorts = { first: 61_000, last: 65_535 } as const;

/** A local port for one connection. */
export function takeOwnPort(): number {
  return randomInt(ownPorts.first, ownPorts.last + 1);
}

/** Throws where it does not come about, or another certificate is shown. */
async function connectTo({ publicAddress, port, tls }: Front, localPort: number, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host: publicAddress, port, localAddress: publicAddress, localPort, noDelay: true });
  const end = () => socket.destroy();
  signal.addEventListener('abort', end);
  socket.once('close', () => signal.removeEventListener('abort', end));
  await once(socket, 'connect', { signal });
  if (tls === null) return socket;
  // The certificate is the admin's, and its name leads elsewhere: what counts is that it is the document's.
  const secure: TLSSocket = connectTls({ socket, rejectUnauthorized: false });
  await once(secure, 'secureConnect', { signal });
  const expected = new X509Certificate(tls.certificateChain).fingerprint256;
  if (secure.getPeerX509Certificate()?.fingerprint256 === expected) return secure;
  socket.destroy();
  throw new Error('another certificate than the one of the document was shown');
}

/** The console's bytes, and the proxy's notices, of which `opened` comes first. */
interface OpenConsole {
  readonly socket: WebSocket;
  readonly bytes: PassThrough;
  readonly opened: Promise<void>;
}

function openConsole(front: Front, connection: Socket, ticket: string): OpenConsole {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  const bytes = new PassThrough();
  const [origin = ''] = front.origins;
  const url = `ws://${front.publicAddress}:${front.port}${consoleSocketPath}`;
  const socket = new WebSocket(url, consoleSubprotocol, {
    origin,
    createConnection: () => connection,
    perMessageDeflate: false,
  });
  const fail = (words: string) => {
    reject(new Error(words));
    bytes.destroy(new Error(words));
  };
  bytes.on('error', () => {});
  socket.on('error', (error) => fail(error.message));
  socket.on('close', (code) => fail(`the proxy closed the WebSocket with code ${code}`));
  socket.on('open', () => socket.send(JSON.stringify({ type: 'open', ticket })));
  socket.on('message', (data, isBinary) => {
    if (isBinary) {
      bytes.write(data);
      return;
    }
    const notice = JSON.parse(String(data)) as ProxyNotice;
    if (notice.type === 'opened') resolve();
    if (notice.type === 'ended') fail(`the proxy ended the session: ${notice.reason}: ${notice.message}`);
  });
  return { socket, bytes, opened };
}

/** The pixels of the first raw rectangle of the whole screen. Throws where the server says anything else. */
async function readScreen({ socket, bytes }: OpenConsole, side: number, signal: AbortSignal): Promise<Buffer> {
  const read = (length: number, what: string) => readBytes(bytes, length, what, signal);
  await read(12, 'the version');
  socket.send(Buffer.from('RFB 003.008\n'));
  const [count = 0] = await read(1, 'the number of security types');
  if (!(await read(count, 'the security types')).includes(1)) throw new Error('security type None is not offered');
  socket.send(Buffer.from([1]));
  if ((await read(4, 'the result')).readUInt32BE() !== 0) throw new Error('the security handshake failed');
  socket.send(Buffer.from([1]));
  const init = await read(24, 'ServerInit');
  await read(init.readUInt32BE(20), 'the name');
  const request = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  request.writeUInt16BE(side, 6);
  request.writeUInt16BE(side, 8);
  // SetEncodings: raw alone.
  socket.send(Buffer.concat([Buffer.from([2, 0, 0, 1, 0, 0, 0, 0]), request]));
  const head = await read(16, 'a FramebufferUpdate');
  const [type, rectangles, width, height] = [
    head[0],
    head.readUInt16BE(2),
    head.readUInt16BE(8),
    head.readUInt16BE(10),
  ];
  const encoding = head.readInt32BE(12);
  if (type !== 0 || rectangles !== 1 || width !== side || height !== side || encoding !== 0) {
    throw new Error(`${rectangles} rectangles, the first ${width} × ${height} in encoding ${encoding}`);
  }
  return read(side * side * 4, 'the pixels');
}

/**
 * Opens the console behind `ticket` through the listener of `front`, and answers with the pixels of its screen, which is
 * `side` pixels wide and high, 32 bits each. Throws with what went wrong, without the ticket.
 */
export async function lookAtScreen(
  front: Front,
  { ticket, localPort, side }: { readonly ticket: string; readonly localPort: number; readonly side: number },
  signal: AbortSignal,
): Promise<Buffer> {
  const connection = await connectTo(front, localPort, signal);
  const screen = openConsole(front, connection, ticket);
  const end = () => screen.socket.terminate();
  signal.addEventListener('abort', end);
  try {
    await screen.opened;
    return await readScreen(screen, side, signal);
  } finally {
    signal.removeEventListener('abort', end);
    screen.socket.close(1000);
  }
}
