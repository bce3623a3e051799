// Watches hosts: asks every one whether it is there, and does what its signs ask for. One orchestrator at a time does it;
// for one host, one thing at a time.
import type { HostReport } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import { type HostSigns, hostStep } from '../model/host-state.ts';
import { acquireLease } from '../store/lease.ts';
import type { HostTable } from '../store/schema.ts';
import { renewExpiredHost } from './expired-certificate.ts';
import { evacuate, fence } from './fencing.ts';
import { join } from './host-join.ts';
import { takeBack, writeReport } from './host-return.ts';
import type { Parts } from './parts.ts';
import { Tunnels } from './tunnels.ts';

type Host = Selectable<HostTable>;

const leaseSeconds = 10;
const defaultRetryAfterMs = 5_000;
/** A host is given this long to answer at least. */
const leastAskMs = 500;
/**
 * The machine that the orchestrator runs on has not lost its power: its host agent is slow, as where the machine has more to
 * do than it can, or is about to be started again.
 */
const defaultOwnMachinePatience = 6;
/** A report that says nothing new is written down this often. */
const refreshEveryMs = 5_000;

/** What this orchestrator knows of a host besides its row. Times are of `performance.now()`. */
interface Watched {
  lastAnswerMs: number;
  failures: number;
  notBeforeMs: number;
  refreshedMs: number;
  isBusy: boolean;
}

export interface HostMonitorOptions {
  /** Least ms between two attempts at what failed: fencing, starting elsewhere. Default 5,000. */
  readonly retryAfterMs?: number;
  /** How many times `ping.timeout` the host of the orchestrator's own machine may be silent. Default 6. */
  readonly ownMachinePatience?: number;
}

export class HostMonitor {
  readonly #parts: Parts;
  readonly #retryAfterMs: number;
  readonly #ownMachinePatience: number;
  readonly #holder: string;
  readonly #watched = new Map<string, Watched>();
  readonly #tunnels: Tunnels;
  readonly #work = new Set<Promise<void>>();

  /** `holder` names this orchestrator. */
  constructor(parts: Parts, holder: string, options: HostMonitorOptions = {}) {
    this.#parts = parts;
    this.#retryAfterMs = options.retryAfterMs ?? defaultRetryAfterMs;
    this.#ownMachinePatience = options.ownMachinePatience ?? defaultOwnMachinePatience;
    this.#holder = holder;
    this.#tunnels = new Tunnels(parts);
  }

  /** How long to wait between two rounds, in ms. */
  async intervalMs(): Promise<number> {
    return Math.max(0.1, Number(await this.#parts.setting('ping.interval'))) * 1_000;
  }

  /** Asks every host that nothing is under way for; does not wait for what that leads to. */
  async round(): Promise<void> {
    if ((await acquireLease(this.#parts.db, 'host-monitor', this.#holder, leaseSeconds)) === null) {
      // Another orchestrator asks: silence that this one did not hear counts for nothing.
      this.#watched.clear();
      return;
    }
    const timeoutMs = (await this.intervalMs()) * Math.max(0, Number(await this.#parts.setting('ping.timeout')));
    const hosts = await this.#parts.db.selectFrom('host').selectAll().execute();
    for (const id of this.#watched.keys()) if (!hosts.some((host) => host.id === id)) this.#watched.delete(id);
    for (const host of hosts) this.#start(host, timeoutMs);
    this.#track(this.#tunnels.align(hosts));
  }

  /** Waits until nothing is under way. */
  async settle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #start(host: Host, timeoutMs: number): void {
    const now = performance.now();
    const watched = this.#watched.get(host.id) ?? {
      lastAnswerMs: now,
      failures: 0,
      notBeforeMs: 0,
      refreshedMs: 0,
      isBusy: false,
    };
    this.#watched.set(host.id, watched);
    if (watched.isBusy) return;
    watched.isBusy = true;
    const work = this.#look(host, watched, timeoutMs)
      .catch((error: unknown) => {
        watched.notBeforeMs = performance.now() + this.#retryAfterMs;
        this.#parts.log.warn('a host could not be looked at', { host: host.name, error: String(error) });
      })
      .finally(() => {
        watched.isBusy = false;
      });
    this.#track(work);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#parts.log.warn('the host monitor could not finish a part of its round', { error: String(error) });
      })
      .finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  async #look(host: Host, watched: Watched, timeoutMs: number): Promise<void> {
    // Two that hang are as long as the time within which it has to answer.
    const askMs = Math.max(timeoutMs / 2, leastAskMs);
    const report = host.state === 'Connecting' ? null : await this.#ask(host, askMs);
    // One whose certificate has ended is given a new token, and stays what it is until it has redeemed that.
    if (report === null && host.state !== 'Connecting' && host.sealed_join_secret !== null) {
      if (await join(this.#parts, host)) return;
    }
    const now = performance.now();
    watched.failures = report === null ? watched.failures + 1 : 0;
    if (report !== null) watched.lastAnswerMs = now;
    const signs: HostSigns = {
      answered: report !== null,
      failures: watched.failures,
      silentMs: now - watched.lastAnswerMs,
    };
    const patience = host.url.startsWith('unix:') ? this.#ownMachinePatience : 1;
    const step = hostStep(host, signs, patience * timeoutMs);
    if (step !== 'refresh' && step !== 'wait' && now < watched.notBeforeMs) return;
    await this.#take(step, host, report, watched);
  }

  /** A host that was away, or whose orchestrators were, until its certificate expired is not lost: it is renewed. */
  #ask(host: Host, limitMs: number): Promise<HostReport | null> {
    return this.#parts.hosts.ask(host, limitMs, () => renewExpiredHost(this.#parts, host));
  }

  async #take(
    step: ReturnType<typeof hostStep>,
    host: Host,
    report: HostReport | null,
    watched: Watched,
  ): Promise<void> {
    const { parts, retry } = { parts: this.#parts, retry: () => performance.now() + this.#retryAfterMs };
    switch (step) {
      case 'join':
        if (!(await join(parts, host))) watched.notBeforeMs = performance.now() + 1_000;
        return;
      case 'refresh':
        if (report !== null) await this.#refresh(host, report, watched);
        return;
      case 'wait':
        return;
      case 'fence':
        if (!(await fence(parts, host))) watched.notBeforeMs = retry();
        else await this.#evacuate(host, watched);
        return;
      case 'evacuate':
        await this.#evacuate(host, watched);
        return;
      case 'return':
        if (report !== null) await writeReport(parts, host, report);
        await takeBack(parts, host);
        return;
    }
  }

  async #evacuate(host: Host, watched: Watched): Promise<void> {
    await evacuate(this.#parts, host);
    watched.notBeforeMs = performance.now() + this.#retryAfterMs;
  }

  async #refresh(host: Host, report: HostReport, watched: Watched): Promise<void> {
    const isNew =
      report.bootId !== host.boot_id ||
      report.version !== host.version ||
      report.driver !== host.driver ||
      report.accelerator !== host.accelerator ||
      (report.guestMtu ?? null) !== host.guest_mtu ||
      report.tunnelAddress !== host.tunnel_address;
    if (!isNew && performance.now() - watched.refreshedMs < refreshEveryMs) return;
    watched.refreshedMs = performance.now();
    await writeReport(this.#parts, host, report);
  }
}
