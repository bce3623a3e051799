import type { Command } from '../declaration.ts';
import { createUser } from './create-user.ts';
import { getUser, listUsers } from './list-users.ts';
import { deleteUser, disableUser, enableUser, lockUser } from './states.ts';
import { updateUser } from './update-user.ts';

export const commands: readonly Command[] = [
  createUser,
  updateUser,
  deleteUser,
  enableUser,
  disableUser,
  lockUser,
  listUsers,
  getUser,
];
