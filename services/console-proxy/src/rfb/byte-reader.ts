// Reads a stream by exact numbers of bytes; what it has not read stays in the stream.
import type { Duplex } from 'node:stream';

/** What an RFB server did that it must not, or that it refused; for the log, never for a viewer. */
export class RfbServerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RfbServerError';
  }
}

function readable(stream: Duplex, what: string, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onEnd = () => reject(new RfbServerError(`the server closed the connection in place of ${what}`));
  const onError = (cause: Error) =>
    reject(new RfbServerError(`the connection broke in place of ${what}: ${cause.message}`, { cause }));
  const onAbort = () => reject(signal.reason);
  stream.on('readable', resolve).on('end', onEnd).on('close', onEnd).on('error', onError);
  signal.addEventListener('abort', onAbort);
  return promise.finally(() => {
    stream.off('readable', resolve).off('end', onEnd).off('close', onEnd).off('error', onError);
    signal.removeEventListener('abort', onAbort);
  });
}

/** Answers with `length` bytes. `what` names them in an error. Throws RfbServerError, or the signal's reason. */
export async function readBytes(stream: Duplex, length: number, what: string, signal: AbortSignal): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  for (;;) {
    signal.throwIfAborted();
    const bytes: Buffer | null = stream.read(length);
    if (bytes?.length === length) return bytes;
    if (bytes !== null || stream.readableEnded || stream.destroyed) {
      throw new RfbServerError(`the server closed the connection in place of ${what}`);
    }
    await readable(stream, what, signal);
  }
}
