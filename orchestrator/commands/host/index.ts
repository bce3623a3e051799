import type { Command } from '../declaration.ts';
import { addHost } from './add-host.ts';
import { cancelHostAsDegraded } from './cancel-host-as-degraded.ts';
import { cancelHostMaintenance } from './cancel-host-maintenance.ts';
import { declareHostAsDegraded } from './declare-host-as-degraded.ts';
import { deleteHost } from './delete-host.ts';
import { listHosts } from './list-hosts.ts';
import { prepareHostForMaintenance } from './prepare-host-for-maintenance.ts';
import { reconnectHost } from './reconnect-host.ts';
import { updateHost } from './update-host.ts';

/** Commands on hosts. */
export const commands: readonly Command[] = [
  addHost,
  listHosts,
  updateHost,
  deleteHost,
  reconnectHost,
  prepareHostForMaintenance,
  cancelHostMaintenance,
  declareHostAsDegraded,
  cancelHostAsDegraded,
];
