// What commands on hosts ask for, over the flows of this folder.
import type { HostOrchestration } from '../model/host-orchestration.ts';
import { emptyHost, reconnectHost, removeHost } from './host.ts';
import { newJoinToken } from './host-join.ts';
import { migrateRouter, migrateVirtualMachine } from './migrate.ts';
import { changePowerPassword, issuePowerAction } from './out-of-band.ts';
import type { Parts } from './parts.ts';

/** The port that commands import, over these parts. */
export function hostOrchestration(parts: Parts): HostOrchestration {
  return {
    newJoinToken: (hostId) => newJoinToken(parts, hostId),
    sealSecret: (text) => parts.sealer.seal(text),
    openSecret: (sealed) => parts.sealer.open(sealed),
    reconnectHost: (id) => reconnectHost(parts, id),
    emptyHost: (id) => emptyHost(parts, id),
    removeHost: (id, { forced }) => removeHost(parts, id, forced),
    issuePowerAction: (id, action) => issuePowerAction(parts, id, action),
    changePowerPassword: (id, password) => changePowerPassword(parts, id, password),
    migrateVirtualMachine: (id, hostId) => migrateVirtualMachine(parts, id, hostId),
    migrateRouter: (id, hostId) => migrateRouter(parts, id, hostId),
  };
}
