import type { Host } from './host.ts';
import type { Log } from './log.ts';
import { realClock } from './real-clock.ts';
import { createCommandRunner } from './real-commands.ts';
import { realFiles } from './real-files.ts';
import { realSockets } from './real-sockets.ts';

/** This machine with a log of the caller's own. A bundle that uses it instead of `createHost` holds no logging library. */
export function hostOf(log: Log): Host {
  return { commands: createCommandRunner(log), files: realFiles, clock: realClock, log, sockets: realSockets };
}
