// Bundles of diagnostics by their links: no session, since whoever has the link was given it; not listable, not guessable,
// and slow to guess at.
import type { FastifyInstance } from 'fastify';
import { MissCounter } from './miss-counter.ts';

/** What the route hands out (store/diagnostics-bundle.ts). */
export interface Bundles {
  open(token: string): Promise<Buffer | null>;
}

/** Adds GET /diagnostics/TOKEN. */
export function serveDiagnostics(server: FastifyInstance, bundles: Bundles): void {
  const misses = new MissCounter();
  server.get<{ Params: { token: string } }>('/diagnostics/:token', async (request, reply) => {
    const wait = misses.waitSeconds(request.ip);
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    if (wait > 0)
      return reply.code(429).header('retry-after', wait).type('text/plain').send('Too many links in vain\n');
    const bundle = await bundles.open(request.params.token);
    if (bundle === null) {
      misses.missed(request.ip);
      return reply.code(404).type('text/plain').send('There is no such bundle, or its link has ended\n');
    }
    return reply
      .type('application/gzip')
      .header('content-disposition', 'attachment; filename="diagnostics.tar.gz"')
      .header('referrer-policy', 'no-referrer')
      .send(bundle);
  });
}
