// Keeps in force which neighbours the ports of this host may claim to be (neighbour-security.ts). A host without IPv6 on any
// port runs nothing.
import { CommandError, type CommandRunner, nft } from '@isthmus/host';
import { hasNeighbours, renderNeighbourRemoval, renderNeighbours, renderNoNeighbours } from './neighbour-security.ts';
import type { GuardedPort } from './port-security.ts';

/** Neighbour security of one installation's ports on one host. Calls come one at a time. */
export class NeighbourGuard {
  readonly #commands: CommandRunner;
  readonly #installation: string;
  #loaded = new Set<string>();

  constructor(commands: CommandRunner, installation: string) {
    this.#commands = commands;
    this.#installation = installation;
  }

  /** Brings the kernel to exactly these ports, whatever was there, in one transaction. */
  async load(ports: readonly GuardedPort[]): Promise<void> {
    const own = ports.filter(hasNeighbours);
    if (own.length === 0 && !(await this.#isThere())) return;
    const rules = own.length === 0 ? '' : renderNeighbours(this.#installation, own);
    await this.#run(`${renderNoNeighbours(this.#installation)}${rules}`);
    this.#loaded = new Set(own.map(({ name }) => name));
  }

  /** Makes or replaces these ports' rules. To be called before ebtables lets their frames pass. */
  async set(ports: readonly GuardedPort[]): Promise<void> {
    const own = ports.filter(hasNeighbours);
    if (own.length === 0) return;
    await this.#run(renderNeighbours(this.#installation, own));
    for (const { name } of own) this.#loaded.add(name);
  }

  /** Takes ports out, and those that have no IPv6 any more. To be called after ebtables holds their frames back. */
  async remove(names: readonly string[]): Promise<void> {
    for (const name of names.filter((each) => this.#loaded.has(each))) {
      await this.#run(renderNeighbourRemoval(this.#installation, name));
      this.#loaded.delete(name);
    }
  }

  /** True where all that was loaded is there. */
  async isWhole(): Promise<boolean> {
    if (this.#loaded.size === 0) return true;
    const listing = await this.#listing();
    return [...this.#loaded].every((name) => listing.includes(`"${name}" : goto ${name}`));
  }

  async #isThere(): Promise<boolean> {
    return (await this.#listing()) !== '';
  }

  async #listing(): Promise<string> {
    const words = ['list', 'table', 'bridge', `ith_${this.#installation}_nd`];
    try {
      const { stdout } = await this.#commands.run(nft, words, { okCodes: [0, 1] });
      return stdout;
    } catch (error) {
      // A machine without nft has never had such a table.
      if (error instanceof CommandError && error.exitCode === null) return '';
      throw error;
    }
  }

  async #run(input: string): Promise<void> {
    await this.#commands.run(nft, ['-f', '-'], { input });
  }
}
