// The processes of one router's daemon, told from other routers' by their command lines.
import type { Host } from '@isthmus/host';
import { readCommandLines, readProcessFile } from './process-table.ts';

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
    return (await readProcessFile(this.#host.files, pid, 'cmdline')).split('\0');
  }

  /** True where the process is this daemon's: an id that was noted may be another's by now. */
  async isOurs(pid: number): Promise<boolean> {
    return this.#isOurs(await this.wordsOf(pid));
  }

  /** Until its end a process holds its sockets, also when its command line is gone already. A zombie holds none. */
  async exists(pid: number): Promise<boolean> {
    const state = /\) (\w) /.exec(await readProcessFile(this.#host.files, pid, 'stat'))?.[1];
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
    const all = await readCommandLines(this.#host.files);
    return [...all].flatMap(([pid, words]) => (this.#isOurs(words) ? [pid] : []));
  }
}
