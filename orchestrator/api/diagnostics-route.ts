// Bundles of diagnostics by their links: no session, since whoever has the link was given it; not listable, not guessable,
// and slow to guess at.
import type { FastifyInstance } from 'fastify';

/** What the route hands out (store/diagnostics-bundle.ts). */
export interface Bundles {
  open(token: string): Promise<Buffer | null>;
}

/** Links in vain by one address within a minute before it has to wait, and addresses that are remembered. */
const [mostMisses, mostAddresses] = [20, 10_000];
const windowMs = 60_000;

/** Counts links in vain by address. */
export class MissCounter {
  readonly #now: () => number;
  readonly #misses = new Map<string, { count: number; until: number }>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Seconds to wait; 0: go ahead. */
  waitSeconds(address: string): number {
    const found = this.#misses.get(address);
    if (found === undefined || found.count < mostMisses) return 0;
    return Math.max(0, Math.ceil((found.until - this.#now()) / 1000));
  }

  missed(address: string): void {
    const found = this.#misses.get(address);
    const isCurrent = found !== undefined && found.until > this.#now();
    this.#misses.delete(address);
    this.#misses.set(address, {
      count: isCurrent ? found.count + 1 : 1,
      until: isCurrent ? found.until : this.#now() + windowMs,
    });
    const oldest = this.#misses.keys().next();
    if (this.#misses.size > mostAddresses && !oldest.done) this.#misses.delete(oldest.value);
  }
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
