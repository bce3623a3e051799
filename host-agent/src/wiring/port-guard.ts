// Keeps the port security of this host in force. Changes that come while one is being loaded ride the next load together.
import type { CommandRunner } from '@isthmus/host';
import { KeyedLock } from '../keyed-lock.ts';
import { NeighbourGuard } from './neighbour-guard.ts';
import { hasNeighbours } from './neighbour-security.ts';
import { chainOf, type GuardedPort, readPorts, renderPorts, renderRemoval, staleChains } from './port-security.ts';

interface Waiting {
  resolve(): void;
  reject(reason: unknown): void;
}

/** Port security of one installation's ports on one host. Other users' chains and rules are left alone. */
export class PortGuard {
  readonly #commands: CommandRunner;
  readonly #installation: string;
  readonly #neighbours: NeighbourGuard;
  readonly #ports = new Map<string, GuardedPort>();
  readonly #turns = new KeyedLock();
  #dirty = new Set<string>();
  /** Ports whose chain the kernel is known to hold. */
  #loaded = new Set<string>();
  #waiting: Waiting[] = [];
  #loading = false;
  /** False until the chains exist: nothing is made before the first port. */
  #entered = false;

  constructor(commands: CommandRunner, installation: string) {
    this.#commands = commands;
    this.#installation = installation;
    this.#neighbours = new NeighbourGuard(commands, installation);
  }

  /** Brings the kernel to exactly `ports`, whatever was there. Called once, before any other call. */
  async load(ports: readonly GuardedPort[]): Promise<void> {
    if (ports.length === 0) return this.removeAll();
    for (const port of ports) this.#ports.set(port.name, port);
    await this.#loadAll();
  }

  /** Resolves when the port's rules are in force. A port with the same rules as before costs nothing. */
  async set(port: GuardedPort): Promise<void> {
    const before = this.#ports.get(port.name);
    if (this.#loaded.has(port.name) && JSON.stringify(before) === JSON.stringify(port)) return;
    this.#ports.set(port.name, port);
    await this.#change(port.name);
  }

  /** Resolves when the port's rules are gone. To be called when its device is gone: until then its frames are dropped. */
  async remove(name: string): Promise<void> {
    if (!this.#ports.delete(name) && !this.#loaded.has(name)) return;
    await this.#change(name);
  }

  /** Loads everything again where someone else has removed chains of ours or the way to them. */
  async heal(): Promise<void> {
    await this.#turns.run('ebtables', async () => {
      if (!this.#entered) return;
      const { chains, hasEntry } = await this.#read();
      const isWhole = [...this.#loaded].every((name) => chains.includes(chainOf(name)));
      if (!(isWhole && hasEntry && (await this.#neighbours.isWhole()))) await this.#loadAll();
    });
  }

  /** Removes everything that this installation has in ebtables. */
  async removeAll(): Promise<void> {
    this.#ports.clear();
    this.#loaded.clear();
    this.#entered = false;
    const { chains, hasEntry } = await this.#read();
    if (chains.length > 0 || hasEntry) await this.#restore(renderRemoval(this.#installation, chains, hasEntry));
    await this.#neighbours.load([]);
  }

  #change(name: string): Promise<void> {
    this.#dirty.add(name);
    const done = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    if (!this.#loading) void this.#drain();
    return done;
  }

  async #drain(): Promise<void> {
    this.#loading = true;
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      const dirty = this.#dirty;
      this.#waiting = [];
      this.#dirty = new Set();
      try {
        await this.#turns.run('ebtables', () => this.#loadDirty(dirty));
        for (const { resolve } of waiting) resolve();
      } catch (error) {
        for (const { reject } of waiting) reject(error);
      }
    }
    this.#loading = false;
  }

  async #loadDirty(dirty: ReadonlySet<string>): Promise<void> {
    if (!this.#entered) return this.#loadAll();
    // Someone else may have removed chains: then only the whole load helps.
    return this.#loadChanges(dirty).catch(() => this.#loadAll());
  }

  async #loadChanges(dirty: ReadonlySet<string>): Promise<void> {
    const changed = [...dirty].flatMap((name) => this.#ports.get(name) ?? []);
    const removed = [...dirty].filter((name) => !this.#ports.has(name) && this.#loaded.has(name));
    const change = { changed, removed, stale: [], enter: false };
    await this.#neighbours.set(changed);
    await this.#restore(renderPorts(this.#installation, this.#ports.values(), change));
    const without = changed.filter((port) => !hasNeighbours(port)).map(({ name }) => name);
    await this.#neighbours.remove([...removed, ...without]);
    for (const { name } of changed) this.#loaded.add(name);
    for (const name of removed) this.#loaded.delete(name);
  }

  async #loadAll(): Promise<void> {
    const ports = [...this.#ports.values()];
    const { chains, hasEntry } = await this.#read();
    const stale = staleChains(this.#installation, chains, ports);
    const change = { changed: ports, removed: [], stale, enter: !hasEntry };
    await this.#neighbours.load(ports);
    await this.#restore(renderPorts(this.#installation, ports, change));
    this.#entered = true;
    this.#loaded = new Set(ports.map(({ name }) => name));
  }

  async #read(): Promise<{ chains: string[]; hasEntry: boolean }> {
    return readPorts(this.#installation, (await this.#commands.run('ebtables-nft-save', [])).stdout);
  }

  async #restore(input: string): Promise<void> {
    await this.#commands.run('ebtables-nft-restore', ['--noflush'], { input });
  }
}
