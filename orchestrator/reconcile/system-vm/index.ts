// System VMs: what commands ask of the machinery behind them.
import { ApiError } from '../../model/api-error.ts';
import type { SystemVmOrchestration } from '../../model/console-orchestration.ts';
import type { Parts } from '../parts.ts';

async function notYet(): Promise<never> {
  throw new ApiError('internal', 'There are no system VMs yet');
}

/** Part of Orchestration. */
export function systemVmOrchestration(_parts: Parts): SystemVmOrchestration {
  return {
    startSystemVm: notYet,
    stopSystemVm: notYet,
    rebootSystemVm: notYet,
    destroySystemVm: notYet,
    scaleSystemVm: notYet,
    migrateSystemVm: notYet,
    patchSystemVm: notYet,
  };
}
