// The one process of a console proxy in a namespace: found, started, ended, and its log kept short.
import { chmod, chown, copyFile, stat, truncate } from 'node:fs/promises';
import type { Host } from '@isthmus/host';
import { HostAgentError } from '../../errors.ts';
import { confined, isForAll, userOf } from './confinement.ts';
import { endProcesses, findProcesses, isAlive, type ProcessIdentity, processWith } from './detached-process.ts';

/** Sessions end with it in any case; what it has to write is small. */
const graceMs = 3000;
const startedWithinMs = 10_000;
const logLimitBytes = 1024 * 1024;
const tailCharacters = 2000;

/**
 * Where the files of a proxy lie, absolute: `state` outlives a start of the machine, `run` one of the process at most;
 * `drive` holds its config drive's files, `log` what it prints.
 */
export interface ProxyPaths {
  readonly state: string;
  readonly run: string;
  readonly drive: string;
  readonly log: string;
}

/** What a proxy's process is told from others by, on every command line that becomes it. */
function isProxyOf(isState: (path: string) => boolean): (words: readonly string[]) => boolean {
  return (words) => {
    const state = words[words.indexOf('--state') + 1] ?? '';
    return words.includes('--config-drive') && words.includes('--state') && isState(state);
  };
}

/** Processes of every proxy whose state lies below `states`. */
export function findProxies(states: string): ProcessIdentity[] {
  return findProcesses(isProxyOf((path) => path.startsWith(`${states}/`)));
}

export class ProxyProcess {
  readonly #host: Host;
  readonly #installation: string;
  readonly #id: string;
  readonly #paths: ProxyPaths;

  /** `host` is the machine. */
  constructor(host: Host, installation: string, id: string, paths: ProxyPaths) {
    this.#host = host;
    this.#installation = installation;
    this.#id = id;
    this.#paths = paths;
  }

  /** Every process of this proxy: one, where nothing went wrong. */
  find(): ProcessIdentity[] {
    return findProcesses(isProxyOf((path) => path === this.#paths.state));
  }

  /** Ends them all. Throws HostAgentError (`failed`) where one does not end. */
  end(): Promise<void> {
    return endProcesses(this.#host, this.find(), graceMs);
  }

  /**
   * Starts the program in a namespace, where nothing of it runs, with folders of its own. `program` and Node are what all
   * may read, else the process keeps the superuser's id, yet not its privileges. Throws HostAgentError (`failed`).
   */
  async start(inside: Host, program: string): Promise<ProcessIdentity> {
    const { state, run, drive, log } = this.#paths;
    const isFree = (await isForAll(program)) && (await isForAll(process.execPath));
    const user = isFree ? userOf(this.#installation, this.#id) : 0;
    if (!isFree) {
      const why = 'a console proxy keeps the id of the superuser: its program is not for all users to read';
      this.#host.log.warn(why, { id: this.#id, program, node: process.execPath });
    }
    await this.#give(user);
    const words = [process.execPath, program, '--config-drive', drive, '--state', state, '--run', run];
    const [file = '', ...args] = confined(user, words);
    const pid = await inside.commands.startDaemon(file, args, { logPath: log });
    await chmod(log, 0o600);
    const started = processWith(pid);
    if (started === null) throw await this.#ended();
    const { clock, commands } = this.#host;
    for (const began = clock.monotonicMs(); !(await commands.isRunning(pid, process.execPath)); ) {
      if (!isAlive(started)) throw await this.#ended();
      if (clock.monotonicMs() - began > startedWithinMs) {
        throw new HostAgentError('failed', `appliance ${this.#id}: its process has not begun in ${startedWithinMs} ms`);
      }
      await clock.sleep(5);
    }
    return started;
  }

  /** The last lines that it printed; '' where there are none. */
  async lastWords(): Promise<string> {
    const text = (await this.#host.files.readTextIfExists(this.#paths.log).catch(() => null)) ?? '';
    return text.slice(-tailCharacters).trim();
  }

  /** Begins its log anew where it has become long; what was before stays beside it. */
  async shortenLog(): Promise<void> {
    const { log } = this.#paths;
    const { size } = await stat(log).catch(() => ({ size: 0 }));
    if (size < logLimitBytes) return;
    await copyFile(log, `${log}.old`);
    // The process appends, so it goes on at the new end.
    await truncate(log, 0);
  }

  /** Its own folders are its user's, whoever had them before; what is on the drive it may read. */
  async #give(user: number): Promise<void> {
    const { files, commands } = this.#host;
    const { state, run, drive } = this.#paths;
    for (const path of [state, run]) {
      await files.makeDirectory(path, { mode: 0o700 });
      if ((await stat(path)).uid === user) continue;
      await commands.run('chown', ['--recursive', '--no-dereference', `${user}:${user}`, path]);
    }
    await chown(drive, 0, user);
  }

  async #ended(): Promise<HostAgentError> {
    const detail = await this.lastWords();
    return new HostAgentError('failed', `appliance ${this.#id}: its process ended at its start`, { detail });
  }
}
