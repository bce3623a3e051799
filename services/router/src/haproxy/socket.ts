// The master's socket: one command a connection. A path in the file system, so that it is reached from any network namespace.
import { createConnection } from 'node:net';

const timeoutMs = 10_000;

/** HAProxy's socket did not answer, such as while the master starts its program anew. */
export class SocketError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SocketError';
  }
}

/** Sends a text and answers with all that comes back. Throws SocketError. */
export function ask(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = createConnection(path);
    const fail = (reason: string, cause?: unknown) => {
      socket.destroy();
      reject(new SocketError(`haproxy did not answer on ${path}: ${reason}`, { cause }));
    };
    socket.setEncoding('utf8').setTimeout(timeoutMs);
    socket.on('timeout', () => fail(`nothing within ${timeoutMs} ms`));
    socket.on('error', (error) => fail(error.message, error));
    socket.on('data', (part: string) => {
      answer += part;
    });
    socket.on('end', () => resolve(answer));
    socket.end(text);
  });
}
