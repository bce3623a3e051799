// What instances and appliances have in common: ordered by a spec, recorded on disk before anything is made, brought to
// running or to rest one step at a time per id.
import type { Nic, Validator } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { HostAgentError } from './errors.ts';
import { forEachLimited, KeyedLock } from './keyed-lock.ts';
import { isPowered, type Powered, Records } from './records.ts';
import { patience, Retries } from './retries.ts';
import type { Segments } from './segments.ts';
import { shortId } from './wiring/names.ts';

/** How one kind of machine is made. Every step may be repeated, and finishes what a killed one began. */
export interface MachineKind<Spec> {
  readonly noun: 'instance' | 'appliance';
  readonly spec: Validator<Spec>;
  /** Makes what is absent of it and starts it. */
  make(id: string, spec: Spec): Promise<void>;
  /** Called before `make` where the spec is another than before. */
  change(id: string, before: Spec, after: Spec): Promise<void>;
  /** Brings it to rest. */
  halt(id: string): Promise<void>;
  /** Removes what outlives its rest. */
  forget(id: string): Promise<void>;
}

/**
 * Where machines are recorded and what they are wired to. With `bootId` (that of the machine now) what was ordered in an
 * earlier boot stands still until it is ordered anew: in the meantime it may have been started elsewhere.
 */
export interface MachineContext {
  readonly host: Host;
  readonly state: string;
  readonly segments: Segments;
  readonly bootId: string | null;
}

/** A machine's state as reports have it. */
export interface MachineState {
  readonly state: 'Running' | 'Stopped' | 'Error';
  readonly reason?: string;
}

/** Answers with the ids of those that do not run, or not whole. */
type FindBroken = (machines: readonly { readonly id: string; readonly nics: readonly Nic[] }[]) => Promise<string[]>;

const adoptedAtOnce = 4;

export class Machines<Spec extends { readonly nics: readonly Nic[] }> {
  readonly #host: Host;
  readonly #segments: Segments;
  readonly #kind: MachineKind<Spec>;
  readonly #records: Records<Powered<Spec>>;
  readonly #locks = new KeyedLock();
  readonly #faults = new Map<string, string>();
  readonly #retries: Retries;
  readonly #bootId: string | null;

  constructor({ host, state, segments, bootId }: MachineContext, kind: MachineKind<Spec>) {
    this.#host = host;
    this.#bootId = bootId;
    this.#retries = new Retries(() => host.clock.monotonicMs());
    this.#segments = segments;
    this.#kind = kind;
    this.#records = new Records(host.files, `${state}/host-agent/${kind.noun}s`, isPowered(kind.spec));
  }

  /** Reads what was recorded. */
  async load(): Promise<void> {
    await this.#records.load(this.#host.log);
    for (const { spec } of this.running()) await this.#admit(spec);
  }

  entries(): [string, Powered<Spec>][] {
    return this.#records.entries();
  }

  /** Those that should run. */
  running(): { id: string; spec: Spec }[] {
    return this.entries().flatMap(([id, record]) => (this.#shouldRun(record) ? [{ id, spec: record.spec }] : []));
  }

  /** State of one that this host has, and why it is not what was ordered. Throws HostAgentError (`not-found`). */
  stateOf(id: string): MachineState {
    const record = this.known(id);
    const reason = this.#faults.get(id);
    if (reason !== undefined) return { state: 'Error', reason };
    if (record.power === 'Running' && !this.#shouldRun(record)) {
      return { state: 'Stopped', reason: 'this machine has rebooted since: it waits for the order to start' };
    }
    return { state: record.power };
  }

  /** Who has a NIC on a segment, in words. What stands still has none: its segment may go, and its vni to another. */
  usersOf(segment: string): string[] {
    const users = this.running().filter(({ spec }) => spec.nics.some((nic) => nic.segment.id === segment));
    return users.map(({ id }) => `${this.#kind.noun} ${id}`);
  }

  /** Throws HostAgentError (`not-found`). */
  known(id: string): Powered<Spec> {
    const record = this.#records.get(id);
    if (record !== undefined) return record;
    throw new HostAgentError('not-found', `${this.#kind.noun} ${id}: expected one that this host has`);
  }

  /** Why the last attempt to bring it to its state failed. */
  faultOf(id: string): string | undefined {
    return this.#faults.get(id);
  }

  /** Makes what is absent of each that should run, until `signal`; a failure is kept as its fault. */
  async adopt(signal: AbortSignal): Promise<void> {
    await forEachLimited(this.running(), adoptedAtOnce, async ({ id }) => {
      if (!signal.aborted) await this.remake(id);
    });
  }

  /**
   * Makes again those that `find` names of all that should run, after growing pauses where one keeps failing. `find` is
   * given machines that should run and answers with the ids of those that do not.
   */
  async heal(find: FindBroken): Promise<void> {
    // What a step is under way for, such as its first start, is not whole yet.
    const running = this.running().filter(({ id }) => !this.#locks.isBusy(id));
    const broken = new Set(await find(running.map(({ id, spec: { nics } }) => ({ id, nics }))));
    for (const { id } of running) {
      if (!broken.has(id) && this.#retries.settle(id)) this.#faults.delete(id);
    }
    const due = [...broken].filter((id) => this.#retries.isDue(id));
    await forEachLimited(due, adoptedAtOnce, (id) => this.#healOne(id, find));
  }

  /** As `heal` for one that is said to have ended: at once, unless it keeps ending. */
  async revive(id: string, find: FindBroken): Promise<void> {
    if (this.#retries.isDue(id)) await this.#healOne(id, find);
  }

  #healOne(id: string, find: FindBroken): Promise<void> {
    return this.#locks.run(id, async () => {
      const record = this.#records.get(id);
      if (record === undefined || !this.#shouldRun(record)) return;
      // A step may have begun and ended since the look.
      if ((await find([{ id, nics: record.spec.nics }])).length === 0) return;
      const attempts = this.#retries.begin(id);
      const { noun } = this.#kind;
      this.#host.log.warn('what should run does not, or not whole; making it again', { kind: noun, id, attempts });
      await this.#make(id, record.spec);
      if (attempts < patience || this.#faults.has(id)) return;
      this.#faults.set(id, `it keeps ending: it was started ${attempts} times and did not stay up`);
    });
  }

  /** Makes what is absent, where it should run; a failure is kept as its fault. */
  remake(id: string): Promise<void> {
    return this.#locks.run(id, async () => {
      const record = this.#records.get(id);
      if (record !== undefined && this.#shouldRun(record)) await this.#make(id, record.spec);
    });
  }

  async #make(id: string, spec: Spec): Promise<void> {
    await this.#attempt(id, () => this.#kind.make(id, spec)).catch(() => undefined);
  }

  /** Makes and starts it, or changes it to another spec. */
  put(id: string, spec: Spec): Promise<void> {
    return this.#locks.run(id, () => this.#put(id, spec));
  }

  /** Changes the NICs of one that this host has; where it runs, without a restart if the driver can. */
  changeNics(id: string, change: (nics: readonly Nic[]) => Nic[]): Promise<void> {
    return this.#locks.run(id, async () => {
      const record = this.known(id);
      const spec: unknown = { ...record.spec, nics: change(record.spec.nics) };
      if (!this.#kind.spec.check(spec)) {
        throw new HostAgentError('invalid', `${this.#kind.noun} ${id}: expected from 1 to 8 NICs after the change`);
      }
      if (this.#shouldRun(record)) await this.#put(id, spec);
      else await this.#records.put(id, { ...record, spec });
    });
  }

  start(id: string): Promise<void> {
    return this.#power(id, 'Running', (spec) => this.#kind.make(id, spec));
  }

  stop(id: string): Promise<void> {
    return this.#power(id, 'Stopped', () => this.#kind.halt(id));
  }

  reboot(id: string): Promise<void> {
    return this.#power(id, 'Running', async (spec) => {
      await this.#kind.halt(id);
      await this.#kind.make(id, spec);
    });
  }

  /** No error where it is unknown: then only what it may have left is removed. */
  delete(id: string): Promise<void> {
    return this.#locks.run(id, async () => {
      if (this.#records.get(id) === undefined) return this.#kind.forget(id);
      await this.#attempt(id, async () => {
        await this.#kind.halt(id);
        await this.#kind.forget(id);
      });
      this.#retries.forget(id);
      await this.#records.delete(id);
    });
  }

  /**
   * Lets `give` move one that runs to another host, and then has nothing of it any more. Where `give` fails and it is not
   * here afterwards, it stands still until it is ordered anew: it may run on the other host.
   */
  handOver(
    id: string,
    {
      give,
      isHere,
    }: Record<'give', (id: string) => Promise<void>> & Record<'isHere', (id: string) => Promise<boolean>>,
  ): Promise<void> {
    return this.#locks.run(id, async () => {
      const { state, reason } = this.stateOf(id);
      if (state !== 'Running') {
        const why = reason === undefined ? '' : ` (${reason})`;
        throw new HostAgentError('conflict', `${this.#kind.noun} ${id}: expected it to be running, not ${state}${why}`);
      }
      try {
        await give(id);
      } catch (error) {
        if (!(await isHere(id))) await this.#order(id, 'Stopped', this.known(id).spec);
        throw error;
      }
      await this.#records.delete(id);
      await this.#kind.forget(id);
    });
  }

  /** Runs `work` when no other step of this machine is under way. */
  exclusively<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    return this.#locks.run(id, work);
  }

  /** Resolves when no step is under way. */
  idle(): Promise<void> {
    return this.#locks.idle();
  }

  /** Forgets every record in memory; its files are the caller's to remove. */
  clear(): void {
    this.#records.clear();
    this.#faults.clear();
  }

  #power(id: string, power: Powered<Spec>['power'], work: (spec: Spec) => Promise<void>): Promise<void> {
    return this.#locks.run(id, async () => {
      const { spec } = this.known(id);
      if (power === 'Running') await this.#admit(spec);
      await this.#order(id, power, spec);
      await this.#attempt(id, () => work(spec));
    });
  }

  async #put(id: string, spec: Spec): Promise<void> {
    this.#refuseTwin(id);
    const before = this.#records.get(id);
    await this.#admit(spec);
    await this.#order(id, 'Running', spec);
    await this.#attempt(id, async () => {
      const isOther = before !== undefined && JSON.stringify(before.spec) !== JSON.stringify(spec);
      if (isOther) await this.#kind.change(id, before.spec, spec);
      await this.#kind.make(id, spec);
    });
  }

  async #order(id: string, power: Powered<Spec>['power'], spec: Spec): Promise<void> {
    this.#retries.forget(id);
    const bootId = this.#bootId === null ? {} : { bootId: this.#bootId };
    await this.#records.put(id, { power, spec, ...bootId });
  }

  #shouldRun({ power, bootId }: Powered<Spec>): boolean {
    return power === 'Running' && (this.#bootId === null || bootId === this.#bootId);
  }

  #admit({ nics }: Spec): Promise<void> {
    return this.#segments.admit(nics.map(({ segment }) => segment));
  }

  async #attempt(id: string, work: () => Promise<void>): Promise<void> {
    const { noun } = this.#kind;
    try {
      await work();
      this.#faults.delete(id);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#faults.set(id, detail);
      this.#host.log.error(`an ${noun} could not be brought to its state`, { id, error });
      if (error instanceof HostAgentError) throw error;
      throw new HostAgentError('failed', `${noun} ${id}: a step on the host failed`, { cause: error, detail });
    }
  }

  #refuseTwin(id: string): void {
    const twin = this.entries().find(([other]) => other !== id && shortId(other) === shortId(id));
    if (twin === undefined) return;
    const { noun } = this.#kind;
    throw new HostAgentError('conflict', `${noun} ${id}: expected an id whose short form ${noun} ${twin[0]} lacks`);
  }
}
