// What a router counts of its load balancers, asked for while somebody waits for the answer.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationAnswer } from '@isthmus/contract';
import type { Parts } from './parts.ts';

const limitMs = 2_000;

/** Null where the network has no running router, or it does not answer in time. */
export async function loadBalancerStatistics(
  parts: Parts,
  networkId: string,
): Promise<OperationAnswer<'load-balancer-statistics'> | null> {
  const router = await parts.db
    .selectFrom('router')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('state', '=', 'Running')
    .executeTakeFirst();
  if (router === undefined) return null;
  const ending = new AbortController();
  const late = sleep(limitMs, null, { signal: ending.signal }).catch(() => null);
  const ask = async () => (await parts.agents.of(router)).operate('load-balancer-statistics', {});
  try {
    return await Promise.race([
      ask().catch((error: unknown) => {
        parts.log.info('a router does not tell what its load balancers count', { router: router.name, error });
        return null;
      }),
      late,
    ]);
  } finally {
    ending.abort();
  }
}
