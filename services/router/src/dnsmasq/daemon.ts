// One dnsmasq process of a router: found, started, ended, told to read again, and what it said of the files it read.
import type { Host } from '@isthmus/host';
import { DaemonProcesses } from '../daemon-processes.ts';
import type { InstanceLayout } from './instances.ts';

const program = 'dnsmasq';
/** A reload takes 0.2 s at 10,000 hosts, and 2 s where each of them has a lease. */
const readTimeoutMs = 30_000;
const longestPauseMs = 25;
/** The log is read whole for each change, so it is kept small. */
const logLimit = 64 * 1024;

/** dnsmasq did not do what it was told. `detail`: its own words. */
class DnsmasqError extends Error {
  readonly detail: string;

  constructor(message: string, detail: string, options?: ErrorOptions) {
    super(detail === '' ? message : `${message}\n${detail}`, options);
    this.name = 'DnsmasqError';
    this.detail = detail;
  }
}

/**
 * Lines of the log that only say that a file was read, or noticed, or that a lease has lost its name to a record. Anything
 * else about a file is a complaint.
 */
function isReport(line: string, path: string): boolean {
  if (line.includes(': not giving name ')) return true;
  return [`read ${path}`, `${path} new or modified`, `${path} removed`, `names read from ${path}`].some((report) => {
    const at = line.indexOf(report);
    return at >= 0 && /^(?: - \d+ names)?$/.test(line.slice(at + report.length));
  });
}

/**
 * Lines that dnsmasq refuses since it has read them before from the same file: one that appears in a live directory while
 * a reload lists it is read by the reload and once more for the notice of it.
 */
function isSecondReading(line: string, path: string, lines: readonly string[]): boolean {
  if (!line.includes('duplicate dhcp-host ')) return false;
  return lines.filter((each) => each.endsWith(`: read ${path}`)).length > 1;
}

/** The main configuration that a process of this router was started with; null for any other, such as another router's dnsmasq. */
function mainConfigIn(words: readonly string[], { state }: InstanceLayout): string | null {
  const option = '--conf-file=';
  return words.find((word) => word.startsWith(`${option}${state}/`))?.slice(option.length) ?? null;
}

export class DnsmasqDaemon {
  readonly #host: Host;
  readonly #layout: InstanceLayout;
  readonly #processes: DaemonProcesses;

  /** The base file that is read last, when complaints about the other are in the log. */
  readonly #lastRead: string;

  constructor(host: Host, layout: InstanceLayout, lastRead: string) {
    this.#host = host;
    this.#layout = layout;
    this.#lastRead = lastRead;
    this.#processes = new DaemonProcesses(host, (words) => mainConfigIn(words, layout) !== null);
  }

  /** The running process's id and the path of the main configuration that it was started with, or null. */
  async running(): Promise<{ readonly pid: number; readonly mainConfig: string } | null> {
    const pid = Number(await this.#host.files.readTextIfExists(this.#layout.pidFile));
    if (!Number.isInteger(pid) || pid < 2 || !(await this.#host.commands.isRunning(pid, program))) return null;
    const mainConfig = mainConfigIn(await this.#processes.wordsOf(pid), this.#layout);
    return mainConfig === null ? null : { pid, mainConfig };
  }

  /** Starts the process and waits until it has read its files. Nothing of ours may be running. */
  async start(mainConfig: string): Promise<void> {
    const { files, commands } = this.#host;
    await files.remove(this.#layout.log);
    await files.remove(this.#layout.pidFile);
    const pid = await commands.startDaemon(program, [`--conf-file=${mainConfig}`], { logPath: this.#layout.log });
    await this.#waitForRead([this.#lastRead], 0, pid);
  }

  /** Ends every process that was started with one of this router's configurations, and its helpers for DNS over TCP. */
  async stop(): Promise<void> {
    await this.#processes.end();
  }

  /** Has everything but the main configuration read again, and waits for it: what is asked later is answered from it. */
  async reload(): Promise<void> {
    const { pid } = await this.#required();
    const since = await this.#logLength();
    this.#host.commands.signal(pid, 'SIGHUP');
    await this.#waitForRead([this.#lastRead], since, pid);
  }

  /** Runs `write`, which puts files into the live directories, and waits until each of `paths` was read. */
  async afterReading(paths: readonly string[], write: () => Promise<void>): Promise<void> {
    const { pid } = await this.#required();
    const since = await this.#logLength();
    await write();
    await this.#waitForRead(paths, since, pid);
    // What it has to say of a file, it says after it has said that it reads it.
    await this.#host.clock.sleep(1);
    this.#refuseComplaints((await this.#log()).slice(since).split('\n'));
  }

  /** True where the log has to be cut: a guest that nobody expects can make dnsmasq write a line for each question. */
  async isLogLong(): Promise<boolean> {
    return (await this.#log()).length >= logLimit;
  }

  /** Cuts a long log. Nothing may wait for what it says. */
  async cutLog(): Promise<void> {
    await this.#logLength();
  }

  async #required(): Promise<{ readonly pid: number }> {
    const running = await this.running();
    if (running === null) throw new DnsmasqError('dnsmasq is not running', await this.#log());
    return running;
  }

  async #waitForRead(paths: readonly string[], since: number, pid: number): Promise<void> {
    const { clock, commands } = this.#host;
    const began = clock.monotonicMs();
    const until = began + readTimeoutMs;
    for (let waited = 0; ; waited += 1) {
      const lines = (await this.#log()).slice(since).split('\n');
      const unread = paths.filter(
        (path) => !lines.some((line) => isReport(line, path) && line.includes(`: read ${path}`)),
      );
      this.#refuseComplaints(lines);
      if (unread.length === 0) return;
      if (clock.monotonicMs() > until) {
        throw new DnsmasqError(
          `dnsmasq did not read ${unread.join(', ')} within ${readTimeoutMs} ms`,
          lines.join('\n'),
        );
      }
      if (waited % 20 === 19 && !(await commands.isRunning(pid, program))) {
        throw new DnsmasqError('dnsmasq ended', lines.join('\n'));
      }
      // Many processes start at once at a boot, and whoever waits takes their processor away.
      await clock.sleep(Math.min(longestPauseMs, 1 + (clock.monotonicMs() - began) / 20));
    }
  }

  #refuseComplaints(lines: readonly string[]): void {
    const { state, run } = this.#layout;
    const complaints = lines.filter((line) => {
      const [path] = [state, run].flatMap(
        (root) => line.match(new RegExp(`${root.replaceAll('.', '\\.')}/[^\\s:]+`)) ?? [],
      );
      return path !== undefined && !isReport(line, path) && !isSecondReading(line, path, lines);
    });
    if (complaints.length > 0) throw new DnsmasqError('dnsmasq refused a file', complaints.join('\n'));
  }

  async #log(): Promise<string> {
    return (await this.#host.files.readTextIfExists(this.#layout.log)) ?? '';
  }

  async #logLength(): Promise<number> {
    const { length } = await this.#log();
    if (length < logLimit) return length;
    // The process appends, so it goes on at the new end.
    await this.#host.commands.run('truncate', ['--size=0', this.#layout.log]);
    return 0;
  }
}
