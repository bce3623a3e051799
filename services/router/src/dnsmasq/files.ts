// What dnsmasq reads besides its main configuration: base files, which it reads at its start and on SIGHUP, and files in
// live directories, which it reads the moment they appear. A live directory only adds.
import type { Files } from '@isthmus/host';
import type { DnsmasqLayout } from './layout.ts';

/** The text of each base file. */
export interface BaseTexts {
  readonly dhcpHosts: string;
  readonly dnsHosts: string;
  readonly dhcpOptions: string;
  readonly servers: string;
}

/** Text to add to each hosts file; empty: none. */
export interface Additions {
  readonly dhcpHosts: string;
  readonly dnsHosts: string;
}

export class DnsmasqFiles {
  readonly #files: Files;
  readonly #layout: DnsmasqLayout;
  readonly #written = new Map<string, string>();
  #liveCount = 0;

  constructor(files: Files, layout: DnsmasqLayout) {
    this.#files = files;
    this.#layout = layout;
  }

  /** Additions that no base file holds yet. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** What lies there from a process before this one; its live files stand as part of the base. */
  async found(): Promise<BaseTexts> {
    const { dhcpHosts, dhcpHostsLive, dnsHosts, dnsHostsLive, dhcpOptions, servers } = this.#layout;
    return {
      dhcpHosts: (await this.#textOf(dhcpHosts)) + (await this.#liveText(dhcpHostsLive)),
      dnsHosts: (await this.#textOf(dnsHosts)) + (await this.#liveText(dnsHostsLive)),
      dhcpOptions: await this.#textOf(dhcpOptions),
      servers: await this.#textOf(servers),
    };
  }

  async #textOf(path: string): Promise<string> {
    return (await this.#files.readTextIfExists(path)) ?? '';
  }

  async #liveText(directory: string): Promise<string> {
    const names = (await this.#files.list(directory)).filter((name) => !name.startsWith('.'));
    return (await Promise.all(names.map((name) => this.#textOf(`${directory}/${name}`)))).join('');
  }

  async makeDirectories(): Promise<void> {
    const { state, run, replaced, dhcpHostsLive, dnsHostsLive } = this.#layout;
    for (const path of [state, run, replaced, dhcpHostsLive, dnsHostsLive]) await this.#files.makeDirectory(path);
  }

  /** Paths and texts of the next files of the live directories. */
  addition({ dhcpHosts, dnsHosts }: Additions): { readonly path: string; readonly text: string }[] {
    // Names come again after each rewrite: dnsmasq never forgets the name of a file that it has seen.
    const name = String(this.#liveCount).padStart(6, '0');
    return [
      { path: `${this.#layout.dhcpHostsLive}/${name}`, text: dhcpHosts },
      { path: `${this.#layout.dnsHostsLive}/${name}`, text: dnsHosts },
    ].filter(({ text }) => text !== '');
  }

  async add(additions: readonly { readonly path: string; readonly text: string }[]): Promise<void> {
    this.#liveCount += 1;
    await Promise.all(additions.map(({ path, text }) => this.#files.writeText(path, text)));
  }

  /** Writes the base files and takes every live file away. dnsmasq sees neither until it reads again. */
  async rewrite(texts: BaseTexts): Promise<void> {
    for (const name of ['dhcpHosts', 'dnsHosts', 'dhcpOptions', 'servers'] as const) {
      const path = this.#layout[name];
      if (this.#written.get(path) === texts[name]) continue;
      this.#written.delete(path);
      await this.#files.writeText(path, texts[name]);
      this.#written.set(path, texts[name]);
    }
    for (const directory of [this.#layout.dhcpHostsLive, this.#layout.dnsHostsLive]) await this.#takeAway(directory);
    this.#liveCount = 0;
  }

  async #takeAway(directory: string): Promise<void> {
    for (const name of await this.#files.list(directory)) {
      await this.#files.rename(`${directory}/${name}`, `${this.#layout.replaced}/${name}`);
      await this.#files.remove(`${this.#layout.replaced}/${name}`);
    }
  }

  /** Writes a main configuration unless it is there. */
  async writeMain(path: string, text: string): Promise<void> {
    if ((await this.#files.readTextIfExists(path)) !== text) await this.#files.writeText(path, text);
  }

  /** Removes main configurations other than `path`. */
  async removeOtherMains(path: string): Promise<void> {
    for (const name of await this.#files.list(this.#layout.state)) {
      const other = `${this.#layout.state}/${name}`;
      if (/^main-[0-9a-f]+\.conf$/.test(name) && other !== path) await this.#files.remove(other);
    }
  }
}
