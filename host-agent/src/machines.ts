// What instances and appliances have in common: ordered by a spec, recorded on disk before anything is made, brought to
// running or to rest one step at a time per id.
import type { Nic, Validator } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { HostAgentError } from './errors.ts';
import { forEachLimited, KeyedLock } from './keyed-lock.ts';
import { isPowered, type Powered, Records } from './records.ts';
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

/** Where machines are recorded and what they are wired to. */
export interface MachineContext {
  readonly host: Host;
  readonly state: string;
  readonly segments: Segments;
}

const adoptedAtOnce = 4;

export class Machines<Spec extends { readonly nics: readonly Nic[] }> {
  readonly #host: Host;
  readonly #segments: Segments;
  readonly #kind: MachineKind<Spec>;
  readonly #records: Records<Powered<Spec>>;
  readonly #locks = new KeyedLock();
  readonly #faults = new Map<string, string>();

  constructor({ host, state, segments }: MachineContext, kind: MachineKind<Spec>) {
    this.#host = host;
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
    return this.entries().flatMap(([id, { power, spec }]) => (power === 'Running' ? [{ id, spec }] : []));
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

  /** Makes what is absent, where it should run; a failure is kept as its fault. */
  remake(id: string): Promise<void> {
    return this.#locks.run(id, async () => {
      const record = this.#records.get(id);
      if (record?.power !== 'Running') return;
      await this.#attempt(id, () => this.#kind.make(id, record.spec)).catch(() => undefined);
    });
  }

  /** Makes and starts it, or changes it to another spec. */
  put(id: string, spec: Spec): Promise<void> {
    return this.#locks.run(id, async () => {
      this.#refuseTwin(id);
      const before = this.#records.get(id);
      await this.#admit(spec);
      await this.#records.put(id, { power: 'Running', spec });
      await this.#attempt(id, async () => {
        const isOther = before !== undefined && JSON.stringify(before.spec) !== JSON.stringify(spec);
        if (isOther) await this.#kind.change(id, before.spec, spec);
        await this.#kind.make(id, spec);
      });
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

  /** No error where it is unknown. */
  delete(id: string): Promise<void> {
    return this.#locks.run(id, async () => {
      if (this.#records.get(id) === undefined) return;
      await this.#attempt(id, async () => {
        await this.#kind.halt(id);
        await this.#kind.forget(id);
      });
      await this.#records.delete(id);
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
      await this.#records.put(id, { power, spec });
      await this.#attempt(id, () => work(spec));
    });
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
