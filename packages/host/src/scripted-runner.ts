import { CommandError, type CommandRunner } from './command.ts';
import { commandLine } from './command-line.ts';

/** One expected command, as one would paste it, and its answer. A code other than 0 is thrown unless it is in `okCodes`. */
export interface ScriptedCommand {
  readonly command: string;
  /** Checked where given. */
  readonly input?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
}

/** A runner for unit tests. `assertDone` throws where an expected command was not run. */
export interface ScriptedRunner extends CommandRunner {
  assertDone(): void;
}

/** Answers the commands of `script`, in that order, and throws on any other. Daemons get the process ids 1000, 1001, … */
export function scriptedRunner(script: readonly ScriptedCommand[]): ScriptedRunner {
  const remaining = [...script];
  const daemons = new Map<number, string>();
  const take = (command: string, input?: string): ScriptedCommand => {
    const next = remaining.shift();
    if (next === undefined) throw new Error(`unexpected command: ${command}; expected none`);
    if (next.command !== command) throw new Error(`unexpected command: ${command}; expected: ${next.command}`);
    if (next.input !== undefined && next.input !== input) {
      throw new Error(`unexpected input of ${command}: ${input}; expected: ${next.input}`);
    }
    return next;
  };
  return {
    run: async (file, args, options = {}) => {
      const command = commandLine(file, args);
      const { stdout = '', stderr = '', exitCode = 0 } = take(command, options.input);
      if (!(options.okCodes ?? [0]).includes(exitCode)) {
        throw new CommandError(command, { exitCode, timedOut: false, stdout, stderr });
      }
      return { stdout, stderr, exitCode, durationMs: 0 };
    },
    startDaemon: async (file, args) => {
      take(commandLine(file, args));
      const pid = 1000 + daemons.size;
      daemons.set(pid, file);
      return pid;
    },
    isRunning: async (pid, file) => daemons.get(pid) === file,
    signal: (pid, signal) => (signal === 'SIGKILL' || signal === 'SIGTERM' ? daemons.delete(pid) : daemons.has(pid)),
    assertDone: () => {
      if (remaining.length > 0)
        throw new Error(`commands not run: ${remaining.map(({ command }) => command).join('; ')}`);
    },
  };
}
