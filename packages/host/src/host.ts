import type { Clock } from './clock.ts';
import type { CommandRunner } from './command.ts';
import type { Files } from './files.ts';
import type { Log } from './log.ts';
import type { Sockets } from './sockets.ts';

/** A machine as the apply pipeline sees it: in an image the machine itself, with the namespace driver a network namespace. */
export interface Host {
  readonly commands: CommandRunner;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly sockets: Sockets;
}
