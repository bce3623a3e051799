// The way to a console.
import type { Duplex } from 'node:stream';
import type { ConsoleTarget } from '@isthmus/contract';
import type { OpenDoor } from './ports.ts';
import { connectShared } from './shared-buffer.ts';

/** Resolves once connected. Rejects with the system's error, or the signal's reason. */
function connectTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const socket = connectShared({ host, port, noDelay: true });
  const onAbort = () => socket.destroy(signal.reason instanceof Error ? signal.reason : undefined);
  signal.addEventListener('abort', onAbort);
  socket.once('connect', () => resolve(socket)).on('error', reject);
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}

/** A stream of the console's bytes. Rejects with what a log may show. */
export function connectTarget(target: ConsoleTarget, openDoor: OpenDoor, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  return target.kind === 'door' ? openDoor(target, signal) : connectTcp(target.address, target.port, signal);
}
