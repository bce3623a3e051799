import type { Command } from '../declaration.ts';
import { createAccount } from './create-account.ts';
import { deleteAccount } from './delete-account.ts';
import { listAccounts } from './list-accounts.ts';
import { disableAccount, enableAccount, lockAccount } from './states.ts';
import { updateAccount } from './update-account.ts';

export const commands: readonly Command[] = [
  createAccount,
  updateAccount,
  deleteAccount,
  enableAccount,
  disableAccount,
  lockAccount,
  listAccounts,
];
