// A TCP port of this machine's loopback that leads into a namespace of the lab.
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Host } from '@isthmus/host';
import { waitFor } from './clients.ts';

const programs = {
  door: new URL('programs/tcp-door.ts', import.meta.url).pathname,
  proxy: new URL('programs/connect-proxy.ts', import.meta.url).pathname,
};

/** A door that is open. `address` is HOST:PORT on this machine. */
export interface Door {
  readonly address: string;
  close(): void;
}

/**
 * What a door is made of: `start` starts a process in the namespace that the lab ends; `socket` is a free path. A null
 * target: the door is an HTTP proxy that takes CONNECT, so that browsers reach whatever the namespace does.
 */
export interface DoorOptions {
  readonly machine: Host;
  readonly socket: string;
  readonly target: { readonly host: string; readonly port: number } | null;
  readonly start: (file: string, args: readonly string[]) => Promise<unknown>;
}

/** Opens a door to a TCP port in the namespace where `start` starts. A connection ends at once where nobody listens there. */
export async function openDoor({ machine, socket, target, start }: DoorOptions): Promise<Door> {
  await start(
    process.execPath,
    target === null ? [programs.proxy, socket] : [programs.door, socket, target.host, String(target.port)],
  );
  await waitFor('the door into the namespace', () => machine.files.exists(socket));
  const server = createServer((caller) => {
    const callee = connect(socket);
    caller.pipe(callee).pipe(caller);
    caller.on('error', () => callee.destroy());
    caller.on('close', () => callee.destroy());
    callee.on('error', () => caller.destroy());
    callee.on('close', () => caller.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, close: () => server.close() };
}
