// What a router has besides its rows, taken from it for good.
import { endAppliance } from './appliance.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { routersOf } from './router-appliances.ts';

/** Ends a router on its host and everything that it could prove itself with. Throws 534 where that is not confirmed. */
export function endRouter(parts: Parts, router: Router): Promise<void> {
  return endAppliance(routersOf(parts), router);
}
