// Run by itself in a network namespace that its parent cannot enter: opens the sockets that the first message asks for,
// hands them over (listen-in-namespace.ts), and ends.
import type { Server } from 'node:net';
import { openListeners } from './open-listeners.ts';
import type { Endpoint } from './sockets.ts';

/** What goes over the channel, besides the sockets. */
export interface ListenRequest {
  readonly endpoints: readonly Endpoint[];
  readonly backlog: number;
}
/** `index`: of the endpoint whose socket comes with it. */
export type ListenAnswer = { readonly index: number } | { readonly failure: string };

async function hand(answer: ListenAnswer, server?: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    process.send?.(answer, server, {}, () => resolve());
  });
}

async function serve(request: ListenRequest): Promise<void> {
  try {
    const servers = await openListeners(request.endpoints, request.backlog);
    for (const [index, server] of servers.entries()) await hand({ index }, server);
  } catch (error) {
    await hand({ failure: error instanceof Error ? error.message : String(error) });
  }
}

// The parent may end at any moment.
process.once('disconnect', () => process.exit(0));
process.once('message', (request: ListenRequest) => void serve(request));
