import type { Command } from '../declaration.ts';
import { addHost } from './add-host.ts';
import { listHosts } from './list-hosts.ts';

/** Commands on hosts. */
export const commands: readonly Command[] = [addHost, listHosts];
