import type { CommandRunner } from './command.ts';

/** A command that a recording runner passed on. `input` absent: it had none. */
export interface RecordedCommand {
  readonly kind: 'run' | 'daemon';
  readonly file: string;
  readonly args: readonly string[];
  readonly input?: string;
}

/** A runner that passes everything on to `inner` and notes each command in `commands`, in order of their start. */
export function recordingRunner(inner: CommandRunner): CommandRunner & { readonly commands: RecordedCommand[] } {
  const commands: RecordedCommand[] = [];
  return {
    commands,
    run: (file, args, options) => {
      commands.push({ kind: 'run', file, args, ...(options?.input === undefined ? {} : { input: options.input }) });
      return inner.run(file, args, options);
    },
    startDaemon: (file, args, options) => {
      commands.push({ kind: 'daemon', file, args });
      return inner.startDaemon(file, args, options);
    },
    isRunning: (pid, file) => inner.isRunning(pid, file),
    signal: (pid, signal) => inner.signal(pid, signal),
  };
}
