// The look at system VMs: as many as are needed, each running, well, and with its document.
import { type ApplianceReport, sameIdentity } from '@isthmus/contract';
import { endAppliance, reboot, startOf, withAppliance } from '../appliance.ts';
import { unknownToHost } from '../appliance-kind.ts';
import { ApplianceMonitor } from '../appliance-monitor.ts';
import { onHost } from '../hosts.ts';
import type { Parts } from '../parts.ts';
import { capacityRound } from './capacity.ts';
import type { SystemVm } from './rows.ts';
import { systemVmsOf } from './system-vms.ts';

/** So many reboots in vain: then it is made anew. */
const mostReboots = 2;

export class SystemVmMonitor {
  readonly #parts: Parts;
  readonly #monitor: ApplianceMonitor<SystemVm>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#monitor = new ApplianceMonitor<SystemVm>({
      all: systemVmsOf(parts),
      rowsOf: (hostId) =>
        parts.db
          .selectFrom('system_vm')
          .selectAll()
          .where('host_id', hostId === null ? 'is' : '=', hostId)
          .where('state', 'in', ['Running', 'Starting', 'Error'])
          .execute(),
      realign: (id) => realign(parts, id),
      ailment: ({ reported, healthy }) => (reported !== null && !healthy ? 'it says that it is not well' : null),
      mend: (vm, attempts) =>
        attempts < mostReboots ? reboot(systemVmsOf(parts), vm.id) : recreateSystemVm(parts, vm.id),
    });
  }

  /** As many as are needed, those without a host on their way to one, and every document pushed that changed. */
  async round(): Promise<void> {
    await capacityRound(this.#parts);
    await this.#monitor.place();
    await pushChanged(this.#parts);
  }

  /** One look at the system VMs of a host, and what the host says of them. Failures are logged. */
  look(hostId: string, reports: readonly ApplianceReport[]): Promise<void> {
    return this.#monitor.look(hostId, reports);
  }

  /** Waits for the starts that are under way. */
  settle(): Promise<void> {
    return this.#monitor.settle();
  }
}

/** Pushes its document where it serves another than it acknowledged, as after a restore of either. */
async function realign(parts: Parts, id: string): Promise<void> {
  const all = systemVmsOf(parts);
  await withAppliance(all, id, async (vm, lease) => {
    if (vm.state !== 'Running') return;
    const { serving } = await onHost(() => parts.agents.inside(vm).status());
    if (sameIdentity(serving, await all.documents.acknowledged(id))) return;
    await all.documents.forgetAcknowledgement(id);
    await all.documents.bringUpToDate(vm, lease);
  });
}

/** Pushes to every system VM that runs what it does not serve yet. Failures are logged: the next round tries again. */
export async function pushChanged(parts: Parts): Promise<void> {
  const all = systemVmsOf(parts);
  const running = await parts.db.selectFrom('system_vm').selectAll().where('state', '=', 'Running').execute();
  const push = async (vm: SystemVm) => {
    try {
      if (await all.documents.isCurrent(vm)) return;
      await withAppliance(all, vm.id, async (now, lease) => {
        if (now.state === 'Running') await all.documents.bringUpToDate(now, lease);
      });
    } catch (error) {
      parts.log.warn('a console proxy could not be brought to its document', { name: vm.name, error: String(error) });
    }
  };
  await Promise.all(running.map(push));
}

/** Made anew where it is: another disk, another identity, the same address. */
export async function recreateSystemVm(parts: Parts, id: string): Promise<void> {
  const all = systemVmsOf(parts);
  await withAppliance(all, id, async (vm, lease) => {
    if (!['Running', 'Starting', 'Error'].includes(vm.state)) return;
    await endAppliance(all, vm);
    await all.documents.forgetAcknowledgement(id);
    const anew = await all.change(id, { ...unknownToHost, image_id: null, state: 'Starting' });
    await startOf(all, anew, lease);
  });
}
