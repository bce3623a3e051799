import type { Command } from '../declaration.ts';
import { changeOutOfBandManagementPassword } from './change-out-of-band-management-password.ts';
import { configureOutOfBandManagement } from './configure-out-of-band-management.ts';
import { disableOutOfBandManagementForHost } from './disable-out-of-band-management-for-host.ts';
import { enableOutOfBandManagementForHost } from './enable-out-of-band-management-for-host.ts';
import { issueOutOfBandManagementPowerAction } from './issue-out-of-band-management-power-action.ts';

/** Commands on the power of hosts. */
export const commands: readonly Command[] = [
  configureOutOfBandManagement,
  enableOutOfBandManagementForHost,
  disableOutOfBandManagementForHost,
  issueOutOfBandManagementPowerAction,
  changeOutOfBandManagementPassword,
];
