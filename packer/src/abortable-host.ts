import type { Host } from '@isthmus/host';

/** The host with commands that are killed when `signal` is aborted, and none started after. */
export function abortableHost(host: Host, signal: AbortSignal): Host {
  const { commands } = host;
  return {
    ...host,
    commands: {
      run: (file, args, options) => commands.run(file, args, { ...options, signal }),
      startDaemon: (file, args, options) => commands.startDaemon(file, args, options),
      isRunning: (pid, file) => commands.isRunning(pid, file),
      signal: (pid, name) => commands.signal(pid, name),
    },
  };
}
