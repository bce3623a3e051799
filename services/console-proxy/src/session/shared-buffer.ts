// Sockets that are read into one buffer of the whole process: a session that says nothing holds no memory for reading.
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';

/** Bytes of a read at most. More in one piece costs fewer calls; what a slow reader leaves is held, so not much more. */
const size = 262_144;
/** Of a piece up to this size a buffer of its own is cheaper. */
const ownUpTo = 16_384;

/** Takes a piece; answers true where it still needs it afterwards. */
export type Take = (piece: Buffer) => boolean;

/**
 * Every socket reads here, also while others' pieces are being written: what stands in it must be gone when the callback of
 * the read returns, so nothing is written from it.
 */
const landing = Buffer.allocUnsafeSlow(size);
/** Where the current piece is written from; a new one where that has to be kept. */
let leaving = Buffer.allocUnsafeSlow(size);
/** Of the sockets that were made here; null: nobody takes pieces yet. */
const takers = new WeakMap<Duplex, Take | null>();

function pass(take: Take, length: number): void {
  if (length <= ownUpTo) take(Buffer.from(landing.subarray(0, length)));
  else {
    landing.copy(leaving, 0, 0, length);
    if (take(leaving.subarray(0, length))) leaving = Buffer.allocUnsafeSlow(size);
  }
}

/** Connects as node:net does. Until `readPieces` it is an ordinary stream. */
export function connectShared(options: TcpNetConnectOpts): Socket {
  const callback = (length: number): boolean => {
    const take = takers.get(socket) ?? null;
    if (take === null) return socket.push(Buffer.from(landing.subarray(0, length)));
    pass(take, length);
    return true;
  };
  const socket: Socket = connect({ ...options, onread: { buffer: landing, callback } });
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
