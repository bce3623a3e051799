// Instances that another host is about to move here. Each is announced by the orchestrator, on disk before anything is made
// for it, and ends in one of two ways: the instance runs here and is recorded, or nothing of it remains.
import type { Duplex } from 'node:stream';
import { type Incoming, IncomingSchema, type InstanceSpec, type MigrationStream, validator } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { VirtualMachineDriver } from './drivers/driver.ts';
import { HostAgentError } from './errors.ts';
import { KeyedLock } from './keyed-lock.ts';
import type { Machines } from './machines.ts';
import { Records } from './records.ts';

export const incomingValidator = validator(IncomingSchema);

/** So long an announcement waits for its first stream, or for the next one. */
const idleMs = 60_000;
/** No move takes longer. */
const limitMs = 3_600_000;
/** One for each of libvirt, memory and disks; libvirt opens a second one of some where it tries again. */
const streamLimit = 8;

/** What of the host it works on. `prepare` throws HostAgentError where the host cannot take an instance of that spec. */
export interface IncomingContext {
  readonly host: Host;
  readonly state: string;
  readonly driver: Pick<VirtualMachineDriver, 'receiveInstance' | 'instancePresence' | 'removeInstance'>;
  readonly instances: Pick<Machines<InstanceSpec>, 'entries' | 'put'>;
  readonly prepare: (id: string, spec: InstanceSpec) => Promise<void>;
  /** Default: a minute. */
  readonly idleMs?: number;
}

/** An announcement while this process lives. */
interface Expected {
  readonly from: string;
  readonly sockets: Readonly<Record<MigrationStream, string>>;
  readonly streams: Set<Duplex>;
  readonly limit: NodeJS.Timeout;
  idle: NodeJS.Timeout;
}

export class IncomingInstances {
  readonly #context: IncomingContext;
  readonly #records: Records<Incoming>;
  readonly #expected = new Map<string, Expected>();
  readonly #turns = new KeyedLock();

  constructor(context: IncomingContext) {
    this.#context = context;
    const { host, state } = context;
    this.#records = new Records(host.files, `${state}/host-agent/incoming`, (value) => incomingValidator.check(value));
  }

  /** Reads the announcements of an earlier process, whose streams have ended with it. */
  load(): Promise<void> {
    return this.#records.load(this.#context.host.log);
  }

  /** Brings each announcement of an earlier process to its end. A failure is logged, and tried again at the next start. */
  async settleAll(): Promise<void> {
    for (const [id] of this.#records.entries()) await this.#settle(id);
  }

  /**
   * Prepares the host for an instance, and lets the host `from` open its streams. Throws HostAgentError: `conflict` where
   * the instance is here already, or the host cannot take it; then nothing of it remains.
   */
  announce(id: string, incoming: Incoming): Promise<void> {
    return this.#turns.run(id, async () => {
      const { driver, instances, prepare } = this.#context;
      if (instances.entries().some(([known]) => known === id)) {
        throw new HostAgentError('conflict', `instance ${id}: expected one that this host does not have`);
      }
      // What an earlier move brought is not ended for the next one.
      if ((await driver.instancePresence(id)) === 'running') {
        throw new HostAgentError('conflict', `instance ${id}: expected one that does not run here already`);
      }
      await prepare(id, incoming.spec);
      this.#shut(id);
      await this.#records.put(id, incoming);
      try {
        const sockets = await driver.receiveInstance(id, incoming.spec);
        const limit = setTimeout(() => this.#giveUp(id), limitMs).unref();
        const { from } = incoming;
        this.#expected.set(id, { from, sockets, streams: new Set(), limit, idle: this.#idleTimer(id) });
      } catch (error) {
        await driver.removeInstance(id);
        await this.#records.delete(id);
        throw error;
      }
    });
  }

  /** True where an instance of that host's is expected. */
  expects(hostId: string): boolean {
    return [...this.#expected.values()].some(({ from }) => from === hostId);
  }

  /** The Unix socket that a stream leads to. Throws HostAgentError (`not-found`) unless that host was announced for it. */
  socketOf(id: string, hostId: string, stream: MigrationStream): string {
    const expected = this.#expected.get(id);
    if (expected?.from === hostId && expected.streams.size < streamLimit) return expected.sockets[stream];
    throw new HostAgentError('not-found', `instance ${id}: none is expected from host ${hostId}`);
  }

  /** Keeps an open stream, which ends with its announcement. Once the last one has ended the move is over. */
  hold(id: string, stream: Duplex): void {
    const expected = this.#expected.get(id);
    if (expected === undefined) {
      stream.destroy();
      return;
    }
    clearTimeout(expected.idle);
    expected.streams.add(stream);
    stream.once('close', () => {
      expected.streams.delete(stream);
      if (expected.streams.size > 0 || this.#expected.get(id) !== expected) return;
      clearTimeout(expected.idle);
      expected.idle = this.#idleTimer(id);
      void this.#settleIfHere(id);
    });
  }

  /** Before an order for the instance itself is carried out: its announcement ends, and its streams. */
  withdraw(id: string): Promise<void> {
    return this.#turns.run(id, async () => {
      this.#shut(id);
      await this.#records.delete(id);
    });
  }

  /** Ends every stream; announcements stay on disk for the next process. */
  async release(): Promise<void> {
    for (const id of [...this.#expected.keys()]) this.#shut(id);
    await this.#turns.idle();
  }

  /** Forgets everything; its files are the caller's to remove. */
  clear(): void {
    for (const id of [...this.#expected.keys()]) this.#shut(id);
    this.#records.clear();
  }

  #idleTimer(id: string): NodeJS.Timeout {
    return setTimeout(() => this.#giveUp(id), this.#context.idleMs ?? idleMs).unref();
  }

  #giveUp(id: string): void {
    if (!this.#expected.has(id)) return;
    this.#context.host.log.warn('an announced instance did not come in time', { id });
    void this.#settle(id);
  }

  /** No stream of it is left: where it runs it has arrived. Where it does not, another stream may come. */
  async #settleIfHere(id: string): Promise<void> {
    const presence = await this.#context.driver.instancePresence(id).catch(() => 'absent' as const);
    if (presence === 'running' && this.#expected.has(id)) await this.#settle(id);
  }

  /**
   * Ends an announcement, and its streams: the instance is recorded where it runs, else what was made for it is removed. No
   * error where there is none.
   */
  conclude(id: string): Promise<void> {
    const { driver, instances } = this.#context;
    return this.#turns.run(id, async () => {
      const incoming = this.#records.get(id);
      if (incoming === undefined) return;
      this.#shut(id);
      if ((await driver.instancePresence(id)) === 'running') await instances.put(id, incoming.spec);
      else await driver.removeInstance(id);
      await this.#records.delete(id);
    });
  }

  #settle(id: string): Promise<void> {
    return this.conclude(id).catch((error: unknown) => {
      this.#context.host.log.error('an announced instance could be neither adopted nor removed', { id, error });
    });
  }

  #shut(id: string): void {
    const expected = this.#expected.get(id);
    if (expected === undefined) return;
    this.#expected.delete(id);
    clearTimeout(expected.idle);
    clearTimeout(expected.limit);
    for (const stream of expected.streams) stream.destroy();
  }
}
