import type { Host } from './host.ts';
import { hostOf } from './host-of.ts';
import type { Log } from './log.ts';
import { createLog } from './pino-log.ts';

/** This machine, in the namespaces of this process. Without `log` JSON lines go to standard error. */
export function createHost(options: { readonly log?: Log } = {}): Host {
  return hostOf(options.log ?? createLog());
}
