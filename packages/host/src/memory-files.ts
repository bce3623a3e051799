import type { Files } from './files.ts';

function absent(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
}

/** Files in memory, for tests. `texts` holds every file by its path; directories need not be made. */
export class MemoryFiles implements Files {
  readonly texts = new Map<string, string>();

  async readText(path: string): Promise<string> {
    const text = this.texts.get(path);
    if (text === undefined) throw absent(path);
    return text;
  }

  async readTextIfExists(path: string): Promise<string | null> {
    return this.texts.get(path) ?? null;
  }

  async writeText(path: string, text: string): Promise<void> {
    this.texts.set(path, text);
  }

  async appendText(path: string, text: string): Promise<void> {
    this.texts.set(path, (this.texts.get(path) ?? '') + text);
  }

  async remove(path: string): Promise<void> {
    for (const each of [...this.texts.keys()]) {
      if (each === path || each.startsWith(`${path}/`)) this.texts.delete(each);
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const moved = [...this.texts].filter(([path]) => path === from || path.startsWith(`${from}/`));
    if (moved.length === 0) throw absent(from);
    await this.remove(from);
    for (const [path, text] of moved) this.texts.set(to + path.slice(from.length), text);
  }

  async makeDirectory(): Promise<void> {}

  async list(path: string): Promise<string[]> {
    const prefix = `${path}/`;
    const names = [...this.texts.keys()]
      .filter((each) => each.startsWith(prefix))
      .map((each) => each.slice(prefix.length).split('/')[0] ?? '');
    return [...new Set(names)].sort();
  }

  async exists(path: string): Promise<boolean> {
    return [...this.texts.keys()].some((each) => each === path || each.startsWith(`${path}/`));
  }
}
