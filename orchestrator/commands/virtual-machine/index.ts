import type { Command } from '../declaration.ts';
import { deployVirtualMachine } from './deploy-virtual-machine.ts';
import { destroyVirtualMachine } from './destroy-virtual-machine.ts';
import { expungeVirtualMachine } from './expunge-virtual-machine.ts';
import { findHostsForMigration } from './find-hosts-for-migration.ts';
import { getVirtualMachineUserData } from './get-user-data.ts';
import { listNics } from './list-nics.ts';
import { listVirtualMachines } from './list-virtual-machines.ts';
import { migrateVirtualMachine } from './migrate-virtual-machine.ts';
import { rebootVirtualMachine } from './reboot-virtual-machine.ts';
import { recoverVirtualMachine } from './recover-virtual-machine.ts';
import { resetPasswordForVirtualMachine } from './reset-password.ts';
import { resetSSHKeyForVirtualMachine } from './reset-ssh-key.ts';
import { resetUserDataForVirtualMachine } from './reset-user-data.ts';
import { startVirtualMachine } from './start-virtual-machine.ts';
import { stopVirtualMachine } from './stop-virtual-machine.ts';
import { updateVirtualMachine } from './update-virtual-machine.ts';

export const commands: readonly Command[] = [
  deployVirtualMachine,
  listVirtualMachines,
  updateVirtualMachine,
  startVirtualMachine,
  stopVirtualMachine,
  rebootVirtualMachine,
  destroyVirtualMachine,
  recoverVirtualMachine,
  expungeVirtualMachine,
  resetPasswordForVirtualMachine,
  resetSSHKeyForVirtualMachine,
  resetUserDataForVirtualMachine,
  getVirtualMachineUserData,
  listNics,
  migrateVirtualMachine,
  findHostsForMigration,
];
