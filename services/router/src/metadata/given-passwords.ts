// Which passwords were given: on disk before the guest has one, so that none is given twice, whatever ends in between.
import type { Files } from '@isthmus/host';

/** Lines of the journal before it is written anew. */
const journalLimit = 1000;
const line = /^[+-][A-Za-z0-9-]{1,64}$/;

/**
 * Versions of passwords that were given. The file has a line each: `+VERSION` given, `-VERSION` taken back, since the
 * guest was gone before it had read the answer.
 */
export class GivenPasswords {
  readonly #files: Files;
  readonly #directory: string;
  #versions: Set<string> | null = null;
  #lines = 0;
  /** One write at a time, in order. */
  #writing: Promise<void> = Promise.resolve();

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  get #path(): string {
    return `${this.#directory}/given-passwords`;
  }

  /** Reads the file once. To be called before anything else. */
  async load(): Promise<void> {
    if (this.#versions !== null) return;
    const text = (await this.#files.readTextIfExists(this.#path)) ?? '';
    // A line without an end was not acknowledged to anyone, but its password may have been given: it counts.
    const lines = text.split('\n').filter((each) => line.test(each));
    const versions = new Set<string>();
    for (const each of lines) {
      if (each.startsWith('+')) versions.add(each.slice(1));
      else versions.delete(each.slice(1));
    }
    await this.#files.makeDirectory(this.#directory, { mode: 0o700 });
    this.#versions = versions;
    await this.#write();
  }

  has(version: string): boolean {
    return this.#known.has(version);
  }

  versions(): string[] {
    return [...this.#known];
  }

  /** Notes a password as given; safe on disk when it resolves. False where it was before. Throws where the disk refuses. */
  async give(version: string): Promise<boolean> {
    const versions = this.#known;
    if (versions.has(version)) return false;
    versions.add(version);
    try {
      await this.#append(`+${version}\n`);
      return true;
    } catch (error) {
      versions.delete(version);
      throw error;
    }
  }

  /** The guest did not get it after all. */
  async takeBack(version: string): Promise<void> {
    if (this.#known.delete(version)) await this.#append(`-${version}\n`);
  }

  /** Takes over what another router gave. */
  async adopt(versions: Iterable<string>): Promise<void> {
    for (const version of versions) this.#known.add(version);
    await this.#inTurn(() => this.#write());
  }

  /** Forgets all that are no password of the document any more. */
  async keepOnly(versions: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#known].filter((version) => !versions.has(version));
    if (gone.length === 0) return;
    for (const version of gone) this.#known.delete(version);
    await this.#inTurn(() => this.#write());
  }

  /** Forgets passwords that left the document. */
  async forget(versions: readonly string[]): Promise<void> {
    for (const version of versions) await this.takeBack(version);
  }

  get #known(): Set<string> {
    if (this.#versions === null) throw new Error('given passwords: used before they were read');
    return this.#versions;
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(write);
    this.#writing = turn.catch(() => {});
    return turn;
  }

  #append(text: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#lines += 1;
      if (this.#lines > journalLimit) await this.#write();
      else await this.#files.appendText(this.#path, text);
    });
  }

  async #write(): Promise<void> {
    const text = [...this.#known].map((version) => `+${version}\n`).join('');
    await this.#files.writeText(this.#path, text, { mode: 0o600 });
    this.#lines = this.#known.size;
  }
}
