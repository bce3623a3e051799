import type { Command } from '../declaration.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';

export const commands: readonly Command[] = [login, logout];
