// What a router has besides its rows, taken from it for good.
import { keepLastBytes } from './metering.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';

/** Ends a router on its host and everything that it could prove itself with. Throws 534 where that is not confirmed. */
export async function endRouter(parts: Parts, router: Router): Promise<void> {
  const { id, host_id: hostId } = router;
  await keepLastBytes(parts, router);
  await parts.hosts.end(hostId, (client) => client.deleteAppliance(id));
  parts.agents.forget(id);
  await parts.certificates.revoke({ role: 'appliance', id });
}
