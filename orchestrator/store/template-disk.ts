// Disks of templates: read before any tool opens them, copied to a folder of the orchestrator's own under the hash of
// their content, and there looked at by qemu-img, always with an explicit format.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, type CommandRunner } from '@isthmus/host';
import { type Selectable, sql, type Updateable } from 'kysely';
import { DiskRefusedError, inspectQcow2, type Qcow2Header, qcow2HeaderBytes } from '../model/qcow2.ts';
import type { Db, Trx } from './database.ts';
import type { Log } from './log.ts';
import type { TemplateTable } from './schema.ts';

export interface TemplateDisksOptions {
  readonly db: Db;
  readonly log: Log;
  readonly commands: CommandRunner;
  /** Absolute path; made where it is not there. */
  readonly folder: string;
  /** Default 2 TiB. */
  readonly virtualBytesAtMost?: number;
}

const defaultVirtualBytes = 2 * 2 ** 40;
const chunkBytes = 1024 * 1024;
const spareBytes = 64 * 1024 * 1024;
/** Of address space and processor seconds for qemu-img: a hostile disk is worth no more. */
const limits = ['--as=4294967296', '--cpu=120'];

async function openDisk(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK the opening of a named pipe would wait for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no such file';
    throw new DiskRefusedError(`${path} cannot be read (${code})`, { cause: error });
  }
}

async function headerOf(file: FileHandle, path: string, virtualBytesAtMost: number): Promise<Qcow2Header> {
  const found = await file.stat();
  if (!found.isFile()) throw new DiskRefusedError(`${path} is no regular file`);
  const start = Buffer.alloc(Math.min(qcow2HeaderBytes, found.size));
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  return inspectQcow2(start.subarray(0, bytesRead), found.size, virtualBytesAtMost);
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** Changes a row that is still Importing; false where it is not. */
async function change(db: Db, id: string, values: Updateable<TemplateTable>): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('template')
    .set(values)
    .where('id', '=', id)
    .where('state', '=', 'Importing')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

async function removeUnused(trx: Trx, path: string): Promise<void> {
  const user = await trx.selectFrom('template').select('id').where('file_path', '=', path).executeTakeFirst();
  if (user === undefined) await rm(path, { force: true });
}

/** The disks of templates in their folder. */
export class TemplateDisks {
  readonly #options: TemplateDisksOptions;
  readonly #virtualBytesAtMost: number;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: TemplateDisksOptions) {
    this.#options = options;
    this.#virtualBytesAtMost = options.virtualBytesAtMost ?? defaultVirtualBytes;
  }

  /** Reads the header of a disk on this machine. Throws DiskRefusedError with the reason. */
  async inspect(path: string): Promise<Qcow2Header> {
    const file = await openDisk(path);
    try {
      return await headerOf(file, path, this.#virtualBytesAtMost);
    } finally {
      await file.close();
    }
  }

  /** Brings the disk of a template in state Importing in, in the background: its row becomes Ready, or Error with a reason. */
  begin(templateId: string): void {
    if (this.#underWay.has(templateId)) return;
    const work = this.#import(templateId).finally(() => this.#underWay.delete(templateId));
    this.#underWay.set(templateId, work);
  }

  /** Begins anew what an orchestrator that died had begun. */
  async resume(): Promise<void> {
    const { db } = this.#options;
    const rows = await db.selectFrom('template').select('id').where('state', '=', 'Importing').execute();
    for (const { id } of rows) this.begin(id);
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  /** Removes a template's row, and its disk where no other template has it. */
  async remove(templateId: string): Promise<void> {
    await this.#underWay.get(templateId);
    const row = await this.#options.db
      .deleteFrom('template')
      .where('id', '=', templateId)
      .returning('file_path')
      .executeTakeFirst();
    const path = row?.file_path;
    if (path != null) await this.#alone(path, (trx) => removeUnused(trx, path));
  }

  /** Runs `work` while nobody else, of any orchestrator, puts the disk of this path in its place or removes it. */
  async #alone(path: string, work: (trx: Trx) => Promise<void>): Promise<void> {
    await this.#options.db.transaction().execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${path}, 0))`.execute(trx);
      await work(trx);
    });
  }

  async #import(id: string): Promise<void> {
    const { db, log } = this.#options;
    try {
      const template = await db.selectFrom('template').selectAll().where('id', '=', id).executeTakeFirst();
      if (template?.state !== 'Importing') return;
      await this.#bringIn(template).catch(async (error) => {
        if (!(error instanceof DiskRefusedError) && !isFileError(error)) throw error;
        log.warn('the disk of a template is refused', { template: template.name, reason: error.message });
        await change(db, id, { state: 'Error', reason: error.message });
      });
    } catch (error) {
      // The database is away: the row is still Importing, and the next start begins anew.
      log.error('the import of a template failed', { template: id, error: String(error) });
    }
  }

  async #bringIn({ id, url }: Selectable<TemplateTable>): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const part = join(folder, `.${id}-${crypto.randomUUID()}.part`);
    try {
      const source = diskPathOf(url);
      if (source === null) throw new DiskRefusedError(`${url} names no file of this machine`);
      const sha256 = await this.#copy(source, part);
      // From here on only the copy counts: what lies at the admin's path may change meanwhile.
      const header = await this.inspect(part);
      await this.#secondOpinion(part, header);
      const path = join(folder, `${sha256}.qcow2`);
      const { size } = await stat(part);
      await this.#alone(path, async (trx) => {
        await rename(part, path);
        const found = { size: header.virtualBytes, physical_size: size, disk_sha256: sha256, file_path: path };
        const isWanted = await change(trx, id, { state: 'Ready', reason: null, ...found });
        if (!isWanted) await removeUnused(trx, path);
      });
    } finally {
      await rm(part, { force: true });
    }
  }

  /** Copies a disk and answers with its SHA-256. */
  async #copy(source: string, destination: string): Promise<string> {
    const from = await openDisk(source);
    try {
      await headerOf(from, source, this.#virtualBytesAtMost);
      const { size } = await from.stat();
      const { bavail, bsize } = await statfs(this.#options.folder);
      if (bavail * bsize < size + spareBytes) {
        throw new DiskRefusedError(`there is no room for ${size} bytes in ${this.#options.folder}`);
      }
      const to = await open(destination, 'wx', 0o600);
      try {
        const hash = createHash('sha256');
        const chunk = Buffer.alloc(chunkBytes);
        for (let at = 0; at < size; ) {
          const { bytesRead } = await from.read(chunk, 0, Math.min(chunkBytes, size - at), at);
          if (bytesRead === 0) throw new DiskRefusedError(`${source} became shorter while it was read`);
          hash.update(chunk.subarray(0, bytesRead));
          await to.writeFile(chunk.subarray(0, bytesRead));
          at += bytesRead;
        }
        await to.sync();
        return hash.digest('hex');
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
  }

  async #secondOpinion(path: string, header: Qcow2Header): Promise<void> {
    const info = await this.#qemuImage(['info', '-f', 'qcow2', '--output=json', path], [0]);
    const members = new Map<string, unknown>(Object.entries(JSON.parse(info) as object));
    const data = JSON.stringify(members.get('format-specific') ?? null);
    if (
      members.get('format') !== 'qcow2' ||
      members.get('virtual-size') !== header.virtualBytes ||
      ['backing-filename', 'full-backing-filename', 'snapshots', 'encrypted'].some((key) => members.has(key)) ||
      /"(?:data-file|encrypt|bitmaps)":/.test(data)
    ) {
      throw new DiskRefusedError('qemu-img reads it as something else than its header says');
    }
    // 3: clusters that nothing uses, which costs room and nothing else.
    await this.#qemuImage(['check', '-q', '-f', 'qcow2', path], [0, 3]);
  }

  async #qemuImage(args: readonly string[], okCodes: readonly number[]): Promise<string> {
    try {
      const options = { okCodes, timeoutMs: 300_000 };
      return (await this.#options.commands.run('prlimit', [...limits, 'qemu-img', ...args], options)).stdout;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const said = (error.stderr.trim() || error.stdout.trim()).split('\n', 1)[0] ?? '';
      throw new DiskRefusedError(`qemu-img ${args[0]} refuses it: ${said.slice(0, 200)}`, { cause: error });
    }
  }
}

/** The path in a template's `file:///…` URL; null where it is another. */
export function diskPathOf(url: string): string | null {
  return /^file:\/\/(\/[^\0]+)$/.exec(url)?.[1] ?? null;
}
