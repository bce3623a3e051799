import type { Command } from '../declaration.ts';
import { disableStaticNat } from './disable-static-nat.ts';
import { enableStaticNat } from './enable-static-nat.ts';

export const commands: readonly Command[] = [enableStaticNat, disableStaticNat];
