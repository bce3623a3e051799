import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Files } from './files.ts';

let temporaryNumber = 0;

/** Begins with a dot: daemons that watch a directory (dnsmasq's hosts and options directories) pass such names over. */
function temporaryPath(path: string): string {
  temporaryNumber += 1;
  return join(dirname(path), `.${basename(path)}.${process.pid}-${temporaryNumber}.tmp`);
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function writeSynced(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readTextIfExists(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** Runs `action`; the answer where its file is absent is `otherwise`. */
async function whereAbsent<Value>(action: () => Promise<Value>, otherwise: Value): Promise<Value> {
  try {
    return await action();
  } catch (error) {
    if (isAbsent(error)) return otherwise;
    throw error;
  }
}

/** The machine's own files. */
export const realFiles: Files = {
  readText: (path) => readFile(path, 'utf8'),
  readTextIfExists,
  writeText: async (path, text, { mode = 0o644 } = {}) => {
    const temporary = temporaryPath(path);
    try {
      await writeSynced(temporary, text, mode);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncDirectory(dirname(path));
  },
  appendText: async (path, text) => {
    const isNew = !(await whereAbsent(async () => (await stat(path)).size > 0, false));
    const file = await open(path, 'a', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    if (isNew) await syncDirectory(dirname(path));
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  rename: async (from, to) => {
    await rename(from, to);
    await syncDirectory(dirname(to));
    if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from));
  },
  makeDirectory: async (path, { mode = 0o755 } = {}) => {
    // mkdir gives its mode to every directory that it makes, and daemons without privileges pass through those above.
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await mkdir(path, { recursive: true, mode });
  },
  list: async (path) => (await whereAbsent(() => readdir(path), [])).sort(),
  exists: (path) => whereAbsent(async () => (await stat(path)) !== undefined, false),
};
