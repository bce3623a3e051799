/** A finished command. `stdout` and `stderr` are text as printed; `durationMs` is wall time. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
  readonly durationMs: number;
}

export interface CommandOptions {
  /** Text for standard input. Without it standard input is empty. */
  readonly input?: string;
  /** Milliseconds after which the command is killed. Default 30,000. */
  readonly timeoutMs?: number;
  /** Exit codes that are an answer and not a failure. Default [0]. */
  readonly okCodes?: readonly number[];
  readonly signal?: AbortSignal;
  /** Further environment; LC_ALL=C is always set. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Characters of each output after which the command is killed, which counts as its end by signal. Default: no limit. */
  readonly outputLimit?: number;
  /** Runs the command as this user. */
  readonly user?: string;
}

/** A daemon that outlives this process, as started by `CommandRunner.startDaemon`. */
export interface DaemonOptions {
  /** File that standard output and standard error go to, appended. */
  readonly logPath: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/**
 * The only place where processes start. Never a shell. Throws CommandError where a command cannot start, takes longer
 * than `timeoutMs`, or ends with a code outside `okCodes`.
 */
export interface CommandRunner {
  run(file: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Starts a detached process in a session of its own and answers with its process id. */
  startDaemon(file: string, args: readonly string[], options: DaemonOptions): Promise<number>;
  /** True while the process lives and its command line starts with `file` (so that a reused process id is not taken for it). */
  isRunning(pid: number, file: string): Promise<boolean>;
  /** Sends a signal; false where the process is gone. */
  signal(pid: number, signal: NodeJS.Signals): boolean;
}

/** A command that failed: what was run (as one could paste it), how it ended, and what it said. */
export class CommandError extends Error {
  readonly command: string;
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    command: string,
    outcome: { exitCode: number | null; timedOut: boolean; stdout: string; stderr: string },
    options?: ErrorOptions,
  ) {
    const end = outcome.timedOut
      ? 'timed out'
      : outcome.exitCode === null
        ? 'did not start'
        : `exit code ${outcome.exitCode}`;
    super(`${command}: ${end}${outcome.stderr === '' ? '' : `\n${outcome.stderr.trimEnd()}`}`, options);
    this.name = 'CommandError';
    this.command = command;
    this.exitCode = outcome.exitCode;
    this.timedOut = outcome.timedOut;
    this.stdout = outcome.stdout;
    this.stderr = outcome.stderr;
  }
}
