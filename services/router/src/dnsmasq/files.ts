// What dnsmasq reads besides its main configuration: base files, which it reads at its start and on SIGHUP, and files in
// live directories, which it reads the moment they appear. A live directory only adds.
import type { Files } from '@isthmus/host';
import type { InstanceLayout } from './instances.ts';

/** The text of each base file. `choices`: options of leases, or where queries go. */
export interface BaseTexts {
  readonly hosts: string;
  readonly choices: string;
}

export class DnsmasqFiles {
  readonly #files: Files;
  readonly #layout: InstanceLayout;
  readonly #written = new Map<string, string>();
  #liveCount = 0;

  constructor(files: Files, layout: InstanceLayout) {
    this.#files = files;
    this.#layout = layout;
  }

  /** Additions that no base file holds yet. */
  get liveCount(): number {
    return this.#liveCount;
  }

  /** What lies there from a process before this one; its live files stand as part of the base. */
  async found(): Promise<BaseTexts> {
    const { hosts, hostsLive, choices } = this.#layout;
    return {
      hosts: (await this.#textOf(hosts)) + (await this.#liveText(hostsLive)),
      choices: await this.#textOf(choices),
    };
  }

  async #textOf(path: string): Promise<string> {
    return (await this.#files.readTextIfExists(path)) ?? '';
  }

  async #liveText(directory: string): Promise<string> {
    const names = (await this.#files.list(directory)).filter((name) => !name.startsWith('.'));
    return (await Promise.all(names.map((name) => this.#textOf(`${directory}/${name}`)))).join('');
  }

  /** False where `makeDirectories` was not called since the machine's boot. */
  hasRun(): Promise<boolean> {
    return this.#files.exists(this.#layout.run);
  }

  async makeDirectories(): Promise<void> {
    const { state, run, replaced, hostsLive } = this.#layout;
    for (const path of [state, run, replaced, hostsLive]) await this.#files.makeDirectory(path);
  }

  /** Path of the next file of the live directory. */
  nextPath(): string {
    // Names come again after each rewrite: dnsmasq never forgets the name of a file that it has seen.
    return `${this.#layout.hostsLive}/${String(this.#liveCount).padStart(6, '0')}`;
  }

  /** Writes `nextPath`. */
  async add(text: string): Promise<void> {
    const path = this.nextPath();
    this.#liveCount += 1;
    await this.#files.writeText(path, text);
  }

  /** Writes the base files and takes every live file away. dnsmasq sees neither until it reads again. */
  async rewrite(texts: BaseTexts): Promise<void> {
    for (const name of ['hosts', 'choices'] as const) {
      const path = this.#layout[name];
      if (this.#written.get(path) === texts[name]) continue;
      this.#written.delete(path);
      await this.#files.writeText(path, texts[name]);
      this.#written.set(path, texts[name]);
    }
    await this.#takeAway(this.#layout.hostsLive);
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
