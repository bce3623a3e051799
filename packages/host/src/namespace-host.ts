import type { CommandRunner } from './command.ts';
import type { Host } from './host.ts';
import { socketsOfNamespace } from './listen-in-namespace.ts';
import { asUser } from './user.ts';

/** Commands and daemons inside the network namespace at `path`. nsenter is replaced by the command, so process ids are the command's own. */
function enteringRunner(inner: CommandRunner, path: string): CommandRunner {
  const enter = (file: string, args: readonly string[]) => [`--net=${path}`, '--', file, ...args];
  return {
    run: async (file, args, options = {}) => {
      const { user, ...rest } = options;
      const [command = file, ...words] = user === undefined ? [file, ...args] : await asUser(user, file, args);
      return inner.run('nsenter', enter(command, words), rest);
    },
    startDaemon: (file, args, options) => inner.startDaemon('nsenter', enter(file, args), options),
    isRunning: (pid, file) => inner.isRunning(pid, file),
    signal: (pid, signal) => inner.signal(pid, signal),
  };
}

/**
 * The same machine, its commands run and its sockets opened inside the network namespace `name` (as `ip netns` names it). nsenter, since
 * `ip netns exec` costs 0.6 ms more for a mount namespace that nothing here needs; /sys/class/net is therefore the host's.
 */
export function createNamespaceHost(host: Host, name: string): Host {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new Error(
      `namespace ${JSON.stringify(name)}: expected 1 to 63 letters, digits, dots, underscores and hyphens`,
    );
  }
  return {
    ...host,
    commands: enteringRunner(host.commands, `/run/netns/${name}`),
    sockets: socketsOfNamespace(`/run/netns/${name}`),
    log: host.log.child({ namespace: name }),
  };
}
