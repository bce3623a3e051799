// The HAProxy of one router: a master that starts workers, and hands the listeners from one to the next. Found, started,
// reloaded, ended, and asked.
import { type Processes, parseProcesses, type RuntimeCommand, runtime, toWorker } from '@isthmus/haproxy-config';
import type { Host } from '@isthmus/host';
import { DaemonProcesses } from '../daemon-processes.ts';
import type { HaproxyLayout } from './layout.ts';
import { ask, SocketError } from './socket.ts';

const program = 'haproxy';
/** A reload takes 0.3 s at 5,000 listeners. */
const reloadTimeoutMs = 60_000;
const logLimit = 256 * 1024;

/** HAProxy did not do what it was told. `detail`: its own words. */
export class HaproxyError extends Error {
  readonly detail: string;

  constructor(message: string, detail: string, options?: ErrorOptions) {
    super(detail === '' ? message : `${message}\n${detail}`, options);
    this.name = 'HaproxyError';
    this.detail = detail;
  }
}

/** One router's HAProxy. Nothing of its configuration is known here. */
export class HaproxyDaemon {
  readonly #host: Host;
  readonly #layout: HaproxyLayout;
  readonly #processes: DaemonProcesses;
  #worker: number | null = null;

  constructor(host: Host, layout: HaproxyLayout) {
    this.#host = host;
    this.#layout = layout;
    this.#processes = new DaemonProcesses(host, (words) => words.includes(layout.config));
  }

  /** The master's process id, or null where it does not run. */
  async master(): Promise<number | null> {
    const pid = Number(await this.#host.files.readTextIfExists(this.#layout.pidFile));
    if (!Number.isInteger(pid) || pid < 2 || !(await this.#processes.isOurs(pid))) return null;
    return pid;
  }

  /** Its processes as the master knows them. Throws SocketError where it does not answer. */
  async processes(): Promise<Processes> {
    const processes = parseProcesses(await ask(this.#layout.masterSocket, `${runtime.showProcesses().text}\n`));
    this.#worker = processes.worker;
    return processes;
  }

  /** Lines that are not blank of the answers of the worker that serves, or of `pid`. Throws SocketError or HaproxyError. */
  async tell(commands: readonly RuntimeCommand[], pid?: number): Promise<string[]> {
    const worker = pid ?? this.#worker ?? (await this.processes()).worker;
    if (worker === null) throw new HaproxyError('haproxy has no worker', '');
    const answer = await ask(this.#layout.masterSocket, commands.map((each) => toWorker(worker, each)).join(''));
    return answer.split('\n').filter((line) => line.trim() !== '');
  }

  /** Starts it and waits until it serves. Nothing of ours may be running. */
  async start(): Promise<void> {
    const { files, commands } = this.#host;
    const { log, pidFile, masterSocket, config } = this.#layout;
    for (const path of [log, pidFile, masterSocket]) await files.remove(path);
    const args = ['-W', '-db', '-q', '-f', config, '-S', `${masterSocket},mode,600`];
    const pid = await commands.startDaemon(program, args, { logPath: log });
    await files.writeText(pidFile, `${pid}\n`);
    await this.#until('start', pid, ({ worker }) => worker !== null);
  }

  /** Has the files read again by a new worker, which takes the listeners over. Throws HaproxyError where they are refused. */
  async reload(): Promise<void> {
    const pid = await this.master();
    if (pid === null) throw new HaproxyError('haproxy is not running', await this.#log());
    const { master, reloads } = await this.#until('answer', pid, () => true);
    const since = (await this.#log()).length;
    this.#worker = null;
    this.#host.commands.signal(master, 'SIGUSR2');
    const now = await this.#until('reload', master, (processes) => processes.reloads > reloads);
    if (now.failedReloads > 0) throw new HaproxyError('haproxy refused its files', (await this.#log()).slice(since));
  }

  /** Takes no more connections, lets those that there are go on, and forgets it. */
  async leave(): Promise<void> {
    const pid = await this.master();
    if (pid !== null) this.#host.commands.signal(pid, 'SIGUSR1');
    await this.#host.files.remove(this.#layout.pidFile);
    this.#worker = null;
  }

  /** Ends every process of this router's HAProxy, those that it left too. */
  async stop(): Promise<void> {
    this.#worker = null;
    await this.#processes.end();
    await this.#host.files.remove(this.#layout.pidFile);
  }

  /** Cuts a long log. */
  async boundLog(): Promise<void> {
    if ((await this.#log()).length < logLimit) return;
    await this.#host.commands.run('truncate', ['--size=0', this.#layout.log]);
  }

  async #until(what: string, pid: number, isDone: (processes: Processes) => boolean): Promise<Processes> {
    const { clock } = this.#host;
    const until = clock.monotonicMs() + reloadTimeoutMs;
    for (let waited = 0; ; waited += 1) {
      const processes = await this.#processesOrNull();
      if (processes !== null && processes.worker !== null && isDone(processes)) return processes;
      if (waited % 20 === 19 && !(await this.#processes.exists(pid))) {
        throw new HaproxyError(`haproxy ended at its ${what}`, await this.#log());
      }
      if (clock.monotonicMs() > until) {
        throw new HaproxyError(`haproxy did not ${what} within ${reloadTimeoutMs} ms`, await this.#log());
      }
      await clock.sleep(waited < 100 ? 1 : 5);
    }
  }

  async #processesOrNull(): Promise<Processes | null> {
    try {
      return await this.processes();
    } catch (error) {
      // The socket is away while the master starts its program anew; an answer may be cut short by it.
      if (error instanceof SocketError || (error instanceof Error && error.name === 'InvalidValueError')) return null;
      throw error;
    }
  }

  async #log(): Promise<string> {
    return (await this.#host.files.readTextIfExists(this.#layout.log)) ?? '';
  }
}
