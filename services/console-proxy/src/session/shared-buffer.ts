// Sockets that are read into one buffer of the whole process: a read costs no memory of its own, and a session that says
// nothing holds none.
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';

/** Bytes of a read at most. More in one piece costs fewer calls; what a slow reader leaves is held, so not much more. */
const size = 131_072;
/** A piece up to this size is copied where it has to be kept. */
const copiedUpTo = 16_384;

/** Takes a piece; answers true where it still needs it afterwards. */
export type Take = (piece: Buffer) => boolean;

let shared = Buffer.allocUnsafeSlow(size);
/** Of the sockets that were made here; null: nobody takes pieces yet. */
const takers = new WeakMap<Duplex, Take | null>();

function pass(take: Take, length: number): void {
  const piece = shared.subarray(0, length);
  if (length <= copiedUpTo) take(Buffer.from(piece));
  else if (take(piece)) shared = Buffer.allocUnsafeSlow(size);
}

/** Connects as node:net does. Until `readPieces` it is an ordinary stream. */
export function connectShared(options: TcpNetConnectOpts): Socket {
  const callback = (length: number): boolean => {
    const take = takers.get(socket) ?? null;
    if (take === null) return socket.push(Buffer.from(shared.subarray(0, length)));
    pass(take, length);
    return true;
  };
  const socket: Socket = connect({ ...options, onread: { buffer: () => shared, callback } });
  takers.set(socket, null);
  return socket;
}

/** Gives everything that comes from now on to `take`; `pause` and `resume` of the stream hold. For every kind of stream. */
export function readPieces(stream: Duplex, take: Take): void {
  if (takers.has(stream)) {
    for (let rest: Buffer | null = stream.read(); rest !== null; rest = stream.read()) take(rest);
    takers.set(stream, take);
  } else stream.on('data', take);
  stream.resume();
}
