import type { Command } from '../declaration.ts';
import { getUserKeys, registerUserKeys } from './user-keys.ts';

export const commands: readonly Command[] = [registerUserKeys, getUserKeys];
