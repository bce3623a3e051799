// The agent of a router: takes pushes, brings them into force or refuses them, and looks after what it serves.
import {
  type Acknowledgement,
  type AgentStatus,
  type Identity,
  type OperationAnswer,
  type OperationName,
  type OperationRequest,
  type Push,
  type ServiceHealth,
  sameIdentity,
} from '@isthmus/contract';
import type { Host, Log } from '@isthmus/host';
import type { DocumentChange, DocumentFault, RouterPaths, RouterService } from '@isthmus/router';
import { CorruptStateError, DocumentStore } from './document-store.ts';
import { type AppliedChange, LiveDocument } from './live-document.ts';
import { messageOf } from './message-of.ts';
import { UnsupportedOperationError } from './operation-request-error.ts';
import { createOwnOperations, type OwnOperations } from './own-operations.ts';
import { applyInTurn, faultsOf, PipelineError, runPipeline } from './pipeline.ts';
import { readPush } from './push-check.ts';
import { RefusedError } from './refused-error.ts';
import { SerialQueue } from './serial-queue.ts';
import { refusalOf } from './step-error.ts';
import { Healer, healthOf, longestPauseMs } from './watch.ts';

export interface AgentOptions {
  readonly host: Host;
  /** The agent makes both directories and keeps its own files in `agent/` of `state`. */
  readonly paths: RouterPaths;
  /** In the order in which a change is applied (createRouterServices). */
  readonly services: readonly RouterService[];
  /** This process is in the router's network namespace itself, as in a VM. Default false. */
  readonly isInside?: boolean;
  /** Pause between two health checks; 0: none. Default 1,000. */
  readonly watchIntervalMs?: number;
  /** The journal is folded into the snapshot when it outgrows the snapshot and this. Default 256 KiB. */
  readonly journalLimitBytes?: number;
}

/** The parts of a router's state that its document does not hold, by service, for its replacement. */
export type ExportedState = Readonly<Record<string, string>>;

export interface Agent {
  /** Takes a push of any shape. Throws RefusedError. Pushes are taken one at a time, in the order of the calls. */
  push(push: unknown): Promise<Acknowledgement>;
  /**
   * Applies the last good document from disk, adopting what runs, unless a push has brought it into force already, and
   * begins to watch. Never throws: see status.
   */
  boot(): Promise<void>;
  /** Of the last good document, in force or not, and of that which is. */
  readonly stored: Identity | null;
  readonly serving: Identity | null;
  /** `serving` is null until a document is in force. The agent itself stands among the services as `agent`. */
  status(): Promise<AgentStatus>;
  /** Carries out an operation of one of its services, or its own. Throws UnsupportedOperationError where none offers it. */
  operate<Name extends OperationName>(name: Name, request: OperationRequest<Name>): Promise<OperationAnswer<Name>>;
  exportState(): Promise<ExportedState>;
  /**
   * Before boot or the first push; while a document is in force only what can be added then. Throws where a text is not
   * what the service exported.
   */
  importState(state: ExportedState): Promise<void>;
  /** Ends the agent; the router serves on. */
  release(): Promise<void>;
  /** Ends the agent and what it serves. The last good document stays on disk for the next boot. */
  shutdown(): Promise<void>;
}

/** Makes an agent and reads what it served last. A damaged state is no error here: status tells, and a full push mends it. */
export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { files } = options.host;
  const directory = `${options.paths.state}/agent`;
  // Daemons that drop privileges pass through the state directory; the rules of tenants in `agent` are root's to read.
  await files.makeDirectory(options.paths.state);
  await files.makeDirectory(directory, { mode: 0o700 });
  await files.makeDirectory(options.paths.run, { mode: 0o755 });
  const store = new DocumentStore(files, directory, options.journalLimitBytes ?? 256 * 1024);
  const agent = new RouterAgent(options, store);
  await agent.load();
  return agent;
}

class RouterAgent implements Agent {
  readonly #host: Host;
  readonly #log: Log;
  readonly #services: readonly RouterService[];
  readonly #store: DocumentStore;
  readonly #watchIntervalMs: number;
  readonly #queue = new SerialQueue();
  readonly #healer: Healer;
  readonly #end = new AbortController();
  readonly #own: OwnOperations;
  #watching: Promise<unknown> | null = null;
  #document = new LiveDocument();
  /** Of `#document`. */
  #identity: Identity | null = null;
  /** `#identity`, once it is in force. */
  #serving: Identity | null = null;
  /** What a service applies may not be what the document says, so that the next change must be a full one. */
  #uncertain = true;
  /** Why the agent is not well. */
  #trouble: string | null = null;
  #fencingToken = 0;
  /** When to apply an uncertain document again, and the pause before it. */
  #retryAtMs = 0;
  #retryPauseMs = 0;
  #health: { readonly atMs: number; readonly services: readonly ServiceHealth[] } | null = null;

  constructor(options: AgentOptions, store: DocumentStore) {
    this.#host = options.host;
    this.#log = options.host.log;
    this.#services = options.services;
    this.#store = store;
    this.#watchIntervalMs = options.watchIntervalMs ?? 1000;
    this.#healer = new Healer(options.host.clock, this.#log, Math.max(this.#watchIntervalMs, 100));
    const { host, paths, services, isInside = false } = options;
    this.#own = createOwnOperations({
      ...{ host, paths, services, isInside },
      document: () => (this.#serving === null ? null : this.#document.view),
      status: () => this.status(),
      heal: (service) => this.#queue.run(() => this.#healer.healAfterCheck(service)),
    });
  }

  async load(): Promise<void> {
    try {
      const stored = await this.#store.load();
      this.#document = stored.document;
      this.#identity = stored.identity;
    } catch (error) {
      if (!(error instanceof CorruptStateError)) throw error;
      this.#trouble = error.message;
      this.#log.error('the last good document cannot be read', { error });
    }
    this.#fencingToken = this.#store.fencingToken;
  }

  async push(push: unknown): Promise<Acknowledgement> {
    const read = readPush(push);
    if ('faults' in read) throw this.#invalid(read.faults);
    return this.#queue.run(() => this.#take(read.push));
  }

  boot(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#identity !== null && !sameIdentity(this.#identity, this.#serving)) await this.#applyWhole();
      if (this.#watchIntervalMs > 0) this.#watching ??= this.#begin();
    });
  }

  get stored(): Identity | null {
    return this.#identity;
  }

  get serving(): Identity | null {
    return this.#serving;
  }

  async status(): Promise<AgentStatus> {
    const now = this.#host.clock.monotonicMs();
    const recent = this.#health !== null && now - this.#health.atMs <= 2 * this.#watchIntervalMs;
    const services = recent ? (this.#health?.services ?? []) : await this.#queue.run(() => this.#checkHealth());
    return { serving: this.#serving, services: [this.#ownHealth(), ...services] };
  }

  async operate<Name extends OperationName>(
    name: Name,
    request: OperationRequest<Name>,
  ): Promise<OperationAnswer<Name>> {
    for (const { operations } of [...this.#services, this.#own]) {
      const carryOut = operations?.[name];
      if (carryOut !== undefined) return carryOut(request);
    }
    throw new UnsupportedOperationError(name);
  }

  exportState(): Promise<ExportedState> {
    return this.#queue.run(async () => {
      const state: Record<string, string> = {};
      for (const { name, portable } of this.#services) {
        if (portable !== undefined) state[name] = await portable.exportState();
      }
      return state;
    });
  }

  importState(state: ExportedState): Promise<void> {
    return this.#queue.run(async () => {
      for (const { name, portable } of this.#services) {
        const text = state[name];
        if (portable === undefined || text === undefined) continue;
        if (this.#serving === null || portable.whileServing === true) await portable.importState(text);
      }
    });
  }

  async release(): Promise<void> {
    await this.#stop();
    for (const service of this.#services) await service.release();
  }

  async shutdown(): Promise<void> {
    await this.#stop();
    for (const service of this.#services.toReversed()) await service.shutdown();
    this.#serving = null;
  }

  async #stop(): Promise<void> {
    this.#end.abort(new Error('the agent was released'));
    await this.#watching;
    await this.#queue.run(async () => {});
  }

  async #take(push: Push): Promise<Acknowledgement> {
    if (this.#end.signal.aborted) throw this.#refused('failed', 'the agent was released');
    await this.#checkToken(push);
    if (sameIdentity(push.target, this.#serving)) return { identity: push.target };
    if (push.base !== null && !sameIdentity(push.base, this.#serving)) {
      const served = this.#serving === null ? 'none' : `generation ${this.#serving.generation}`;
      throw this.#refused(
        'base-mismatch',
        `base is generation ${push.base.generation}, and the agent serves ${served}`,
      );
    }
    const applied = this.#document.apply(push);
    try {
      await this.#enforce(push, applied);
    } catch (error) {
      applied.undo();
      throw error;
    }
    this.#identity = push.target;
    this.#serving = push.target;
    this.#trouble = null;
    this.#health = null;
    if (this.#store.isDueToFold) void this.#queue.run(() => this.#fold());
    return { identity: push.target };
  }

  async #checkToken(push: Push): Promise<void> {
    if (push.fencingToken < this.#fencingToken) {
      const message = `fencing token ${push.fencingToken}: expected ${this.#fencingToken} or a newer one`;
      const [serving, fencingToken] = [this.#serving, this.#fencingToken];
      throw new RefusedError({ code: 'stale-fencing-token', paths: [], message, serving, fencingToken });
    }
    if (push.fencingToken === this.#fencingToken) return;
    // Before anything else, so that the holder of the older lease is refused whatever becomes of this push.
    try {
      await this.#store.saveToken(push.fencingToken, this.#document, this.#identity);
    } catch (error) {
      throw this.#refused('failed', `the fencing token could not be written: ${messageOf(error)}`, error);
    }
    this.#fencingToken = push.fencingToken;
  }

  async #enforce(push: Push, applied: AppliedChange): Promise<void> {
    const { hash } = this.#document;
    if (hash !== push.target.hash) {
      throw this.#refused('base-mismatch', `target.hash ${push.target.hash}: the result of this push has ${hash}`);
    }
    const change = this.#changeOf(push.base === null, applied);
    try {
      const faults = faultsOf(this.#services, change);
      if (faults.length > 0) throw this.#invalid(faults, faults[0]?.service);
      const persist = () => this.#store.save(push, this.#document);
      const { committed } = await runPipeline(this.#services, change, persist, this.#log);
      this.#uncertain = !committed;
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      const failure = error instanceof PipelineError ? error.failure : error;
      if (error instanceof PipelineError && !error.restored) {
        this.#uncertain = true;
        this.#trouble = `the last good state could not be restored after ${messageOf(failure)}`;
      }
      this.#log.warn('a push was refused', { generation: push.target.generation, error: failure });
      throw new RefusedError(refusalOf(failure, this.#serving), { cause: failure });
    }
  }

  #changeOf(full: boolean, change: Pick<AppliedChange, 'sections' | 'entries'>): DocumentChange {
    const isFull = full || this.#uncertain;
    // Over an uncertain state the whole counts as changed, so that no service finds its part unchanged.
    const { sections, entries } = isFull ? this.#document.whole() : change;
    return { full: isFull, document: this.#document.view, sections, entries };
  }

  /** Applies the document that is in memory over whatever runs. */
  async #applyWhole(): Promise<void> {
    try {
      await applyInTurn(this.#services, this.#changeOf(true, this.#document.whole()));
      this.#serving = this.#identity;
      this.#uncertain = false;
      this.#trouble = null;
      this.#retryPauseMs = 0;
    } catch (error) {
      this.#uncertain = true;
      this.#trouble = messageOf(error);
      this.#retryPauseMs = Math.min(Math.max(this.#retryPauseMs * 2, this.#watchIntervalMs), longestPauseMs);
      this.#retryAtMs = this.#host.clock.monotonicMs() + this.#retryPauseMs;
      this.#log.error('the document could not be applied', { generation: this.#identity?.generation, error });
    }
    this.#health = null;
  }

  async #fold(): Promise<void> {
    try {
      await this.#store.fold(this.#document, this.#identity);
    } catch (error) {
      this.#log.error('the journal could not be folded', { error });
    }
  }

  #begin(): Promise<unknown> {
    return Promise.all([this.#watch(), this.#own.health.watch(this.#end.signal)]);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await this.#host.clock.sleep(this.#watchIntervalMs, signal).catch(() => {});
      // A push looks after its services itself.
      if (signal.aborted || this.#queue.busy || this.#identity === null) continue;
      if (!this.#uncertain) {
        await this.#watchServices();
        await this.#useIdleTime();
      } else if (this.#host.clock.monotonicMs() >= this.#retryAtMs) await this.#queue.run(() => this.#applyWhole());
    }
  }

  async #useIdleTime(): Promise<void> {
    for (const service of this.#services) {
      if (this.#end.signal.aborted || this.#queue.busy) return;
      try {
        await this.#queue.run(async () => service.whenIdle?.());
      } catch (error) {
        this.#log.error('could not do what was left for later', { service: service.name, error });
      }
    }
  }

  /** Health checks read only, so they run beside a push; healing waits its turn and looks again. */
  async #watchServices(): Promise<void> {
    const found: ServiceHealth[] = [];
    for (const service of this.#services) {
      const recent = this.#recentHealth(service);
      if (recent !== undefined) {
        found.push(recent);
        continue;
      }
      const health = await healthOf(service, this.#host.clock);
      if (this.#end.signal.aborted || this.#queue.busy) return;
      if (health.healthy) this.#healer.noteHealthy(service);
      const heals = !health.healthy && this.#healer.isDue(service);
      found.push(heals ? await this.#queue.run(() => this.#healer.heal(service)) : health);
    }
    this.#health = { atMs: this.#host.clock.monotonicMs(), services: found };
  }

  /** The last finding of a service that was well and need not be looked at yet. */
  #recentHealth({ name, checkEveryMs = 0 }: RouterService): ServiceHealth | undefined {
    const last = this.#health?.services.find(({ service }) => service === name);
    if (last?.healthy !== true) return undefined;
    return this.#host.clock.now() - Date.parse(last.checkedAt) < checkEveryMs ? last : undefined;
  }

  async #checkHealth(): Promise<readonly ServiceHealth[]> {
    if (this.#serving === null) return [];
    const services: ServiceHealth[] = [];
    for (const service of this.#services) services.push(await healthOf(service, this.#host.clock));
    this.#health = { atMs: this.#host.clock.monotonicMs(), services };
    return services;
  }

  #ownHealth(): ServiceHealth {
    const waiting = this.#serving === null ? 'no document is in force' : 'serves';
    return {
      service: 'agent',
      healthy: this.#trouble === null && this.#serving !== null,
      detail: this.#trouble ?? waiting,
      checkedAt: new Date(this.#host.clock.now()).toISOString(),
    };
  }

  #invalid(faults: readonly DocumentFault[], service?: string): RefusedError {
    const message = faults.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
    return new RefusedError({
      code: 'invalid',
      paths: faults.map(({ path }) => path),
      ...(service === undefined ? {} : { service }),
      message,
      serving: this.#serving,
    });
  }

  #refused(code: 'base-mismatch' | 'failed', message: string, cause?: unknown): RefusedError {
    return new RefusedError({ code, paths: [], message, serving: this.#serving }, { cause });
  }
}
