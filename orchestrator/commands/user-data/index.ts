import type { Command } from '../declaration.ts';
import { deleteUserData } from './delete-user-data.ts';
import { linkUserDataToTemplate } from './link-user-data-to-template.ts';
import { listUserData } from './list-user-data.ts';
import { registerUserData } from './register-user-data.ts';

export const commands: readonly Command[] = [registerUserData, deleteUserData, listUserData, linkUserDataToTemplate];
