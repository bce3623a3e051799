// The consoles of this host's own machines.
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConsoleGrant, RfbSecurity } from '@isthmus/contract';
import { HostAgentError } from '../errors.ts';

/** A console of a machine of this host. */
export type ConsoleOfMachine = Extract<ConsoleGrant['from'], { readonly machine: string }>;

/** What a console's server asks for, and a stream of its bytes, which throws HostAgentError (`failed`). */
export interface ConsoleSource {
  readonly security: RfbSecurity;
  open(): Promise<Duplex>;
}

const connectWithinMs = 5000;
const knockAgainMs = 20;

/** No handshake, or one without a secret. */
export const openToAll: RfbSecurity = { types: ['None'] };

/**
 * A connection to the Unix socket of a console. QEMU lets two wait for its accept; whoever finds those places taken
 * (EAGAIN, connect(2)) knocks again. Throws HostAgentError (`failed`).
 */
export function connectTo(path: string, noun: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    let knocks: NodeJS.Timeout | undefined;
    let socket: Socket;
    const fail = (detail: string, cause?: unknown) => {
      clearTimeout(timer);
      clearTimeout(knocks);
      socket.destroy();
      reject(new HostAgentError('failed', `${noun}: does not answer on this host: ${detail}`, { cause, detail }));
    };
    const knock = () => {
      socket = connect({ path });
      socket.once('error', (error) => {
        if ('code' in error && error.code === 'EAGAIN') knocks = setTimeout(knock, knockAgainMs);
        else fail(error.message, error);
      });
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        socket.on('error', () => socket.destroy());
        resolve(socket);
      });
    };
    const timer = setTimeout(() => fail(`no connection within ${connectWithinMs} ms`), connectWithinMs);
    knock();
  });
}

/** How refusals and logs name a console. */
export function nounOf({ machine, id, console }: ConsoleOfMachine): string {
  return `console ${console} of ${machine} ${id}`;
}
