import type { Command } from '../declaration.ts';
import { disableStaticNat } from './disable-static-nat.ts';
import { enableStaticNat } from './enable-static-nat.ts';
import { listIpForwardingRules } from './list-ip-forwarding-rules.ts';

export const commands: readonly Command[] = [enableStaticNat, disableStaticNat, listIpForwardingRules];
