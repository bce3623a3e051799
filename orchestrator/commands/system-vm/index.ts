import type { Command } from '../declaration.ts';
import { changeServiceForSystemVm } from './change-service-for-system-vm.ts';
import { destroySystemVm } from './destroy-system-vm.ts';
import { listSystemVms } from './list-system-vms.ts';
import { migrateSystemVm } from './migrate-system-vm.ts';
import { patchSystemVm } from './patch-system-vm.ts';
import { rebootSystemVm } from './reboot-system-vm.ts';
import { scaleSystemVm } from './scale-system-vm.ts';
import { startSystemVm } from './start-system-vm.ts';
import { stopSystemVm } from './stop-system-vm.ts';

export const commands: readonly Command[] = [
  listSystemVms,
  startSystemVm,
  stopSystemVm,
  rebootSystemVm,
  destroySystemVm,
  scaleSystemVm,
  changeServiceForSystemVm,
  migrateSystemVm,
  patchSystemVm,
];
