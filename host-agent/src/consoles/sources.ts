// The consoles of this host's own machines.
import { connect } from 'node:net';
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

/** No handshake, or one without a secret. */
export const openToAll: RfbSecurity = { types: ['None'] };

/** A connection to the Unix socket of a console. Throws HostAgentError (`failed`). */
export function connectTo(path: string, noun: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const fail = (detail: string, cause?: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new HostAgentError('failed', `${noun}: does not answer on this host: ${detail}`, { cause, detail }));
    };
    const timer = setTimeout(() => fail(`no connection within ${connectWithinMs} ms`), connectWithinMs);
    socket.once('error', (error) => fail(error.message, error));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}

/** How refusals and logs name a console. */
export function nounOf({ machine, id, console }: ConsoleOfMachine): string {
  return `console ${console} of ${machine} ${id}`;
}
