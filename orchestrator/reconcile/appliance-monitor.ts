// The look at appliances: does each run, does it serve what it should. A router in a namespace is brought back at once;
// what has an agent of its own takes its time, which the rest of the monitor's round does not wait for.
import { type ApplianceReport, type Identity, sameIdentity } from '@isthmus/contract';
import { isExpiredPeer } from '../drivers/errors.ts';
import { alertAppliance, applianceRecovered } from './alerts.ts';
import { revive } from './appliance.ts';
import type { ApplianceRow, Appliances } from './appliance-kind.ts';
import { renewExpiredAppliance } from './expired-certificate.ts';

/** So many looks in a row that an agent does not answer, or says that it is not well: it is not just busy. */
const mostBadLooks = 2;
/** Pause after a start that failed; it doubles with each that follows. */
const firstPauseMs = 5_000;
const longestPauseMs = 300_000;

/** One kind of appliances that is watched. */
export interface Watched<Row extends ApplianceRow> {
  readonly all: Appliances<Row>;
  /** Those of a host (null: without one) that should run. */
  rowsOf(hostId: string | null): Promise<readonly Row[]>;
  /** Pushes what it should serve, where it does not. */
  realign(id: string): Promise<void>;
  /** Why it has to be mended though it answers; null: it is well. */
  ailment?(row: Row): string | null;
  /** Mends one that ails. `attempts`: how often that was in vain already. */
  mend?(row: Row, attempts: number): Promise<void>;
}

interface Revival {
  failures: number;
  notBeforeMs: number;
  work: Promise<void> | null;
}

export class ApplianceMonitor<Row extends ApplianceRow> {
  readonly #watched: Watched<Row>;
  /** Looks in a row at which an agent was silent or not well. */
  readonly #badLooks = new Map<string, number>();
  readonly #revivals = new Map<string, Revival>();

  constructor(watched: Watched<Row>) {
    this.#watched = watched;
  }

  /** One look at the appliances of a host, and what the host says of them. Failures are logged. */
  async look(hostId: string, reports: readonly ApplianceReport[]): Promise<void> {
    const byId = new Map(reports.map((report) => [report.id, report]));
    const rows = await this.#watched.rowsOf(hostId);
    const own: Promise<void>[] = [];
    for (const row of rows) {
      const report = byId.get(row.id);
      if (await this.#watched.all.hasOwnAgent(row)) own.push(this.#lookAtOwnAgent(row, report));
      else await this.#lookAtNamespace(row, report);
    }
    await Promise.all(own);
  }

  /** Begins to start those that have no host yet. */
  async place(): Promise<void> {
    for (const row of await this.#watched.rowsOf(null)) this.#revive(row, row.reason ?? 'it has no host yet');
  }

  /** Waits for what is under way. */
  async settle(): Promise<void> {
    for (const { work } of [...this.#revivals.values()]) await work;
  }

  async #lookAtNamespace(row: Row, report: ApplianceReport | undefined): Promise<void> {
    const { all, realign } = this.#watched;
    const { parts, noun } = all;
    if (report?.state !== 'Running' || row.state !== 'Running') {
      parts.log.warn(`a ${noun} is not running; starting it again`, { name: row.name });
      const isBack = await this.#attempt(row, () => revive(all, row.id));
      if (isBack) await applianceRecovered(parts, all.kind, row);
      else await alertAppliance(parts, all.kind, row, 'it does not run and could not be started again');
      return;
    }
    await this.#attempt(row, async () => {
      const serving = report.agent?.serving ?? null;
      if (!sameIdentity(serving, await this.#acknowledgedOf(row))) await realign(row.id);
    });
  }

  async #lookAtOwnAgent(row: Row, report: ApplianceReport | undefined): Promise<void> {
    const { all, realign } = this.#watched;
    const { parts } = all;
    if (report?.state !== 'Running' || row.state !== 'Running') {
      this.#revive(row, report?.reason ?? 'it is not running');
      return;
    }
    try {
      const { serving } = await parts.agents.inside(row).status();
      if (!sameIdentity(serving, await this.#acknowledgedOf(row))) await this.#attempt(row, () => realign(row.id));
      await this.#heed(row);
    } catch (error) {
      if (isExpiredPeer(error) && (await renewExpiredAppliance(parts, row))) return;
      const silent = this.#countBadLook(row.id);
      // It waits for the machine first, which its host may have started again by itself.
      if (silent >= mostBadLooks) this.#revive(row, error instanceof Error ? error.message : String(error));
    }
  }

  /** What an agent that answers says of itself. */
  async #heed(row: Row): Promise<void> {
    const { all, ailment, mend } = this.#watched;
    const reason = ailment?.(row) ?? null;
    if (reason === null || mend === undefined) {
      this.#badLooks.delete(row.id);
      if (this.#revivals.get(row.id)?.work !== null) return;
      this.#revivals.delete(row.id);
      if (ailment !== undefined) await applianceRecovered(all.parts, all.kind, row);
      return;
    }
    if (this.#countBadLook(row.id) < mostBadLooks) return;
    this.#heal(row, reason, async (attempts) => {
      await mend(row, attempts);
      // Whether it is well then, the next looks tell.
      return false;
    });
  }

  #countBadLook(id: string): number {
    const looks = (this.#badLooks.get(id) ?? 0) + 1;
    this.#badLooks.set(id, looks);
    return looks;
  }

  async #acknowledgedOf({ id }: Row): Promise<Identity | null> {
    return this.#watched.all.documents.acknowledged(id);
  }

  #revive(row: Row, reason: string): void {
    this.#heal(row, reason, async () => {
      await revive(this.#watched.all, row.id);
      return true;
    });
  }

  /** Works on one that is not well, without waiting for it. `work` answers whether it is well then. */
  #heal(row: Row, reason: string, work: (attempts: number) => Promise<boolean>): void {
    const { parts, noun, kind } = this.#watched.all;
    const revival = this.#revivals.get(row.id) ?? { failures: 0, notBeforeMs: 0, work: null };
    this.#revivals.set(row.id, revival);
    if (revival.work !== null || performance.now() < revival.notBeforeMs) return;
    parts.log.warn(`a ${noun} does not run as it should; starting it again`, { name: row.name, reason });
    const pause = () => {
      const pauseMs = Math.min(firstPauseMs * 2 ** revival.failures, longestPauseMs);
      revival.failures += 1;
      revival.notBeforeMs = performance.now() + pauseMs;
      return pauseMs;
    };
    revival.work = work(revival.failures)
      .then(async (isWell) => {
        this.#badLooks.delete(row.id);
        if (!isWell) {
          pause();
          await alertAppliance(parts, kind, row, `it was not well, and was started again: ${reason}`);
          return;
        }
        this.#revivals.delete(row.id);
        await applianceRecovered(parts, kind, row);
      })
      .catch(async (error: unknown) => {
        const pauseMs = pause();
        parts.log.warn(`a ${noun} could not be started again`, { name: row.name, error: String(error), pauseMs });
        await alertAppliance(parts, kind, row, `it does not run and could not be started again: ${String(error)}`);
      })
      .finally(() => {
        revival.work = null;
      });
  }

  async #attempt({ name }: Row, work: () => Promise<void>): Promise<boolean> {
    const { parts, noun } = this.#watched.all;
    try {
      await work();
      return true;
    } catch (error) {
      parts.log.warn(`a ${noun} could not be brought to its document`, { name, error: String(error) });
      return false;
    }
  }
}
