// System VMs: what commands ask of the machinery behind them.
import type { SystemVmOrchestration } from '../../model/console-orchestration.ts';
import { destroy, migrate, reboot, restart, startOf, stop, withAppliance } from '../appliance.ts';
import type { Parts } from '../parts.ts';
import { patch } from '../patch.ts';
import { pushChanged } from './system-vm-monitor.ts';
import { systemVmsOf } from './system-vms.ts';

/** Part of Orchestration. */
export function systemVmOrchestration(parts: Parts): SystemVmOrchestration {
  const all = systemVmsOf(parts);
  return {
    startSystemVm: (id) => withAppliance(all, id, (vm, lease) => startOf(all, vm, lease)),
    stopSystemVm: (id, { forced }) => stop(all, id, forced),
    rebootSystemVm: (id) => reboot(all, id),
    destroySystemVm: (id) => destroy(all, id),
    scaleSystemVm: (id) => restart(all, id),
    migrateSystemVm: (id, hostId) => migrate(all, id, hostId),
    patchSystemVm: (id, { forced }) => patch(all, id, forced),
    pushConsoleSettings: () => pushChanged(parts),
  };
}
