// The shell of an instance in a namespace, which stands for its serial port. Whoever types there is hostile: the shell runs
// as a user that nobody else is, without privileges, in namespaces of its own on the instance's network, and sees a
// read-only root with busybox and nothing of the host. All that it can run is there: where it may write, nothing can be
// executed. It ends with its connection, and with the instance, as every process in an instance's namespace does.
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { createNamespaceHost, type Host } from '@isthmus/host';
import { namespaceName, shortId } from '../wiring/names.ts';
import { installShellRoot } from './shell-root.ts';
import { connectTo } from './sources.ts';

const listensWithinMs = 45_000;
/** Users from here on belong to no account of the host, and to no subordinate ids of one (subuid(5) ends far below). */
const firstUser = 0x5000_0000;
const users = 0x1000_0000;

/** What shells are made with: directories as DriverContext has them. `hostnameOf` throws HostAgentError (`not-found`). */
export interface ShellContext {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  hostnameOf(id: string): string;
}

/** The user that the shell of an instance runs as: one of 268 million, by the instance's id. */
export function shellUser(id: string): number {
  return firstUser + (Number.parseInt(shortId(id), 16) % users);
}

/** Starts shells on request, one at a time for an instance: what is there of an earlier one is ended by then. */
export class InstanceShells {
  readonly #context: ShellContext;

  constructor(context: ShellContext) {
    this.#context = context;
  }

  /** A new shell of an instance that runs, on a terminal. Throws HostAgentError (`failed`). */
  async start(id: string): Promise<Duplex> {
    const { host, installation, run, state, hostnameOf } = this.#context;
    const namespace = namespaceName(installation, 'i', id);
    const shared = `${state}/instance-programs`;
    const own = `${run}/instances/${shortId(id)}`;
    // A new one each time: socat takes its socket's path away at its end, which may come after the next one's beginning.
    const directory = `${own}/shell-${randomBytes(4).toString('hex')}`;
    const user = shellUser(id);
    const root = await installShellRoot(host, shared);
    const earlier = (await host.files.list(own)).filter((name) => name.startsWith('shell-'));
    for (const name of earlier) await host.files.remove(`${own}/${name}`);
    await host.files.makeDirectory(`${directory}/home`);
    await host.commands.run('chown', [`${user}:${user}`, directory, `${directory}/home`]);
    await host.commands.run('chmod', ['0700', directory]);
    const inside = createNamespaceHost(host, namespace);
    const words = ['--mount', '--propagation', 'private', '--', `${shared}/instance-shell`, 'port', `${user}`];
    const env = {
      ISTHMUS_SHELL: directory,
      ISTHMUS_ROOT: root,
      ISTHMUS_NAMES: `/etc/netns/${namespace}`,
      ISTHMUS_HOSTNAME: hostnameOf(id),
    };
    const pid = await inside.commands.startDaemon('unshare', words, { logPath: `${own}/shell.log`, env });
    return this.#connect(id, `${directory}/socket`, pid);
  }

  async #connect(id: string, socket: string, pid: number): Promise<Duplex> {
    const { clock, commands } = this.#context.host;
    const end = clock.monotonicMs() + listensWithinMs;
    for (;;) {
      try {
        return await connectTo(socket, `console serial of instance ${id}`);
      } catch (error) {
        if (clock.monotonicMs() > end) {
          commands.signal(pid, 'SIGKILL');
          throw error;
        }
        await clock.sleep(10);
      }
    }
  }
}
