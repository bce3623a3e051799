// The files that HAProxy reads, as one map from path to text.
import type { Files } from '@isthmus/host';
import type { HaproxyLayout } from './layout.ts';

/** Texts by path; null: no such file. */
export type Texts = ReadonlyMap<string, string | null>;

/** Reads and writes the files below one layout. */
export class HaproxyFiles {
  readonly #files: Files;
  readonly #layout: HaproxyLayout;

  constructor(files: Files, layout: HaproxyLayout) {
    this.#files = files;
    this.#layout = layout;
  }

  async makeDirectories(): Promise<void> {
    const { run, config, certificates, certificateLists, chroot } = this.#layout;
    await this.#files.makeDirectory(run, { mode: 0o755 });
    await this.#files.makeDirectory(chroot, { mode: 0o555 });
    for (const path of [config, certificates, certificateLists]) {
      await this.#files.makeDirectory(path, { mode: 0o700 });
    }
  }

  /** What lies there, from this process or one before it. */
  async found(): Promise<Map<string, string>> {
    const texts = new Map<string, string>();
    const { config, certificates, certificateLists } = this.#layout;
    for (const directory of [config, certificates, certificateLists]) {
      for (const name of await this.#files.list(directory)) {
        const text = await this.#files.readTextIfExists(`${directory}/${name}`);
        if (text !== null) texts.set(`${directory}/${name}`, text);
      }
    }
    return texts;
  }

  /** Writes texts and removes what is null. */
  async write(texts: Texts): Promise<void> {
    for (const [path, text] of texts) {
      if (text === null) await this.#files.remove(path);
      else await this.#files.writeText(path, text, { mode: 0o600 });
    }
  }

  /** Removes everything. */
  async remove(): Promise<void> {
    await this.#files.remove(this.#layout.run);
  }
}
