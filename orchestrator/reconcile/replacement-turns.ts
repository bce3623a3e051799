// Replacements of VMs one after the other on each host, whoever asks for how many: each is a VM more there for its while.
import { liveRouter } from './network-rows.ts';
import type { Parts } from './parts.ts';

const tails = new WeakMap<object, Map<string, Promise<unknown>>>();

/**
 * Runs `work`, which replaces a network's router, when its host replaces no other VM. Before the network's lock, so that
 * rules of a network that waits for its turn are changed meanwhile.
 */
export async function inTurn(parts: Parts, networkId: string, work: () => Promise<void>): Promise<void> {
  const router = await liveRouter(parts.db, networkId);
  const hostId = router?.host_id ?? null;
  if (router === undefined || hostId === null || !(await parts.agents.isVirtualMachine(router))) return work();
  const ofHosts = tails.get(parts.lock) ?? new Map<string, Promise<unknown>>();
  tails.set(parts.lock, ofHosts);
  const before = ofHosts.get(hostId) ?? Promise.resolve();
  const mine = before.then(work);
  const tail = mine.catch(() => undefined);
  ofHosts.set(hostId, tail);
  try {
    await mine;
  } finally {
    if (ofHosts.get(hostId) === tail) ofHosts.delete(hostId);
  }
}
