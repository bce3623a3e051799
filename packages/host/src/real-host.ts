import type { Host } from './host.ts';
import type { Log } from './log.ts';
import { createLog } from './pino-log.ts';
import { realClock } from './real-clock.ts';
import { createCommandRunner } from './real-commands.ts';
import { realFiles } from './real-files.ts';

/** This machine, in the namespaces of this process. Without `log` JSON lines go to standard error. */
export function createHost(options: { readonly log?: Log } = {}): Host {
  const log = options.log ?? createLog();
  return { commands: createCommandRunner(log), files: realFiles, clock: realClock, log };
}
