// The way to a console: through the door of the proxy's own host (packages/contract/src/console-door.ts).
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ControlNic, consoleDoorPort } from '@isthmus/contract';
import type { OpenDoor } from './session/ports.ts';
import { connectShared } from './session/shared-buffer.ts';

const protocol = 'isthmus-tunnel';
const timeoutMs = 10_000;
/** Bytes of the door's answer before the stream. */
const maxHeaderSize = 4096;

/** Goes through the door at the gateway of this control NIC, and from its address alone. `port`: another one in tests. */
export function doorOf(
  { address, gateway }: Pick<ControlNic, 'address' | 'gateway'>,
  port = consoleDoorPort,
): OpenDoor {
  return (target, given) => {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const signal = AbortSignal.any([given, AbortSignal.timeout(timeoutMs)]);
    signal.throwIfAborted();
    const call = request({
      host: gateway,
      port,
      agent: false,
      createConnection: () => connectShared({ host: gateway, port, localAddress: address }),
      path: `/v1/consoles/${encodeURIComponent(target.id)}/stream`,
      headers: { connection: 'Upgrade', upgrade: protocol, authorization: `Bearer ${target.secret}` },
      maxHeaderSize,
    });
    const fail = (words: string, cause?: unknown) => reject(new Error(`the door of the host: ${words}`, { cause }));
    const onAbort = () => call.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    signal.addEventListener('abort', onAbort);
    call.on('error', (error) => fail(error.message, error));
    call.on('response', (response) => {
      response.destroy();
      fail(`${response.statusCode ?? 'no'} in place of 101`);
    });
    call.on('upgrade', (response, socket, head) => {
      if (response.statusCode !== 101 || response.headers.upgrade?.toLowerCase() !== protocol) {
        socket.destroy();
        fail(`an upgrade to ${protocol} was expected`);
        return;
      }
      socket.setTimeout(0);
      socket.setNoDelay(true);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    call.end();
    return promise.finally(() => signal.removeEventListener('abort', onAbort));
  };
}
