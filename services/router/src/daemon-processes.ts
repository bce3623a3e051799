// The processes of one router's daemon, told from other routers' by their command lines.
import type { Host } from '@isthmus/host';

const endTimeoutMs = 3_000;

/** Processes whose command line `isOurs` knows. Nothing is kept between two calls. */
export class DaemonProcesses {
  readonly #host: Pick<Host, 'files' | 'commands' | 'clock'>;
  readonly #isOurs: (words: readonly string[]) => boolean;

  constructor(host: Pick<Host, 'files' | 'commands' | 'clock'>, isOurs: (words: readonly string[]) => boolean) {
    this.#host = host;
    this.#isOurs = isOurs;
  }

  /** The words of a process's command line; of one that is gone a single empty one. */
  async wordsOf(pid: number): Promise<string[]> {
    return (await this.#ofProcess(pid, 'cmdline')).split('\0');
  }

  /** True where the process is this daemon's: an id that was noted may be another's by now. */
  async isOurs(pid: number): Promise<boolean> {
    return this.#isOurs(await this.wordsOf(pid));
  }

  /** Until its end a process holds its sockets, also when its command line is gone already. A zombie holds none. */
  async exists(pid: number): Promise<boolean> {
    const state = /\) (\w) /.exec(await this.#ofProcess(pid, 'stat'))?.[1];
    return state !== undefined && state !== 'Z' && state !== 'X';
  }

  /** Ends every one of them, and waits for it; kills those that take longer than three seconds. */
  async end(): Promise<void> {
    const { commands, clock } = this.#host;
    const pids = await this.#all();
    for (const pid of pids) commands.signal(pid, 'SIGTERM');
    const killAtMs = clock.monotonicMs() + endTimeoutMs;
    for (const pid of pids) {
      while (await this.exists(pid)) {
        if (clock.monotonicMs() > killAtMs) commands.signal(pid, 'SIGKILL');
        await clock.sleep(2);
      }
    }
  }

  /** By their command lines: the file of the process id may be missing or old after a crash of either side. */
  async #all(): Promise<number[]> {
    const found: number[] = [];
    for (const name of await this.#host.files.list('/proc')) {
      if (!/^[1-9]\d*$/.test(name) || name === '1') continue;
      if (await this.isOurs(Number(name))) found.push(Number(name));
    }
    return found;
  }

  /** A file of /proc, empty where the process is gone. */
  async #ofProcess(pid: number, name: 'cmdline' | 'stat'): Promise<string> {
    try {
      return (await this.#host.files.readTextIfExists(`/proc/${pid}/${name}`)) ?? '';
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return '';
      throw error;
    }
  }
}
