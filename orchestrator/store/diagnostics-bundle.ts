// Bundles of diagnostics: files in a folder of this orchestrator's, each handed out by a link that nobody guesses and
// that ends. The database keeps the hash of a link's token alone.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Db } from './database.ts';

/** The largest bundle that is kept. */
export const bundleLimitBytes = 16 * 1024 * 1024;
/** All that are kept at a time: the oldest make place. */
const folderLimitBytes = 512 * 1024 * 1024;

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The bundles that this orchestrator keeps. */
export class DiagnosticsBundles {
  readonly #db: Db;
  readonly #folder: string;
  #endpoint = 'http://127.0.0.1/client/api';

  /** `folder`: absolute; made when it is first needed. */
  constructor(db: Db, folder: string) {
    this.#db = db;
    this.#folder = folder;
  }

  /** Tells where the API listens. */
  listensAt(endpoint: string): void {
    this.#endpoint = endpoint;
  }

  /** A bundle's link by its token. `endpoint`: as clients reach the API; '' for where it listens. */
  url(token: string, endpoint: string): string {
    return new URL(`/diagnostics/${token}`, endpoint === '' ? this.#endpoint : endpoint).href;
  }

  /** Keeps a bundle until `lifetimeMs` from now; answers with its link's token. Throws where it is too large. */
  async keep(routerId: string, archive: Buffer, lifetimeMs: number): Promise<string> {
    if (archive.length > bundleLimitBytes) {
      throw new RangeError(`bundle of ${archive.length} bytes: expected at most ${bundleLimitBytes}`);
    }
    await this.#makePlace(archive.length);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const token = randomBytes(32).toString('base64url');
    const file = `${randomBytes(16).toString('hex')}.tar.gz`;
    // The row first: a file without one is removed.
    await this.#db
      .insertInto('diagnostics_bundle')
      .values({
        token_hash: hashOf(token),
        router_id: routerId,
        file,
        bytes: archive.length,
        expires: new Date(Date.now() + lifetimeMs),
      })
      .execute();
    await this.#write(join(this.#folder, file), archive);
    return token;
  }

  /** The bundle that a link's token names; null for none, also for one that has expired or lies elsewhere. */
  async open(token: string): Promise<Buffer | null> {
    if (!/^[A-Za-z0-9_-]{43}$/.test(token)) return null;
    const row = await this.#db
      .selectFrom('diagnostics_bundle')
      .select('file')
      .where('token_hash', '=', hashOf(token))
      .where('expires', '>', new Date())
      .executeTakeFirst();
    if (row === undefined) return null;
    return readFile(join(this.#folder, row.file)).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    });
  }

  /** Removes what has expired, and files that no row names any more. Answers with how many files went. */
  async collect(): Promise<number> {
    await this.#db.deleteFrom('diagnostics_bundle').where('expires', '<=', new Date()).execute();
    const rows = await this.#db.selectFrom('diagnostics_bundle').select('file').execute();
    const kept = new Set(rows.map(({ file }) => file));
    const stale = (await this.#files()).filter((file) => !kept.has(file));
    for (const file of stale) await rm(join(this.#folder, file), { force: true });
    return stale.length;
  }

  async #write(path: string, archive: Buffer): Promise<void> {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(archive);
    } finally {
      await handle.close();
    }
  }

  async #files(): Promise<string[]> {
    return readdir(this.#folder).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    });
  }

  async #makePlace(bytes: number): Promise<void> {
    const rows = await this.#db
      .selectFrom('diagnostics_bundle')
      .select(['token_hash', 'file', 'bytes'])
      .orderBy('created', 'desc')
      .execute();
    let total = bytes;
    for (const { token_hash: tokenHash, file, bytes: size } of rows) {
      total += size;
      if (total <= folderLimitBytes) continue;
      await this.#db.deleteFrom('diagnostics_bundle').where('token_hash', '=', tokenHash).execute();
      await rm(join(this.#folder, file), { force: true });
    }
  }
}
