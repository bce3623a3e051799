// Columns of a router that takes another one's place (reconcile/replacement.ts), and of the agent that runs in it.
import type { Generated } from 'kysely';

/**
 * `replaces`: id of the router that serves while this one is built beside it behind dark ports; null in a router that
 * serves. `is_taking_over`: it was decided that this one takes its place; there is no way back. `software_…`: of the agent
 * in a VM, as it said itself (reconcile/patch.ts).
 */
export interface ReplacementColumns {
  replaces: Generated<string | null>;
  is_taking_over: Generated<boolean>;
  software_version: Generated<string | null>;
  software_sha256: Generated<string | null>;
}
