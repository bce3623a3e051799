// The format of an initramfs: cpio "newc", cpio(5). Written here, since cpio(1) notes inode numbers of this machine.
import { readFile } from 'node:fs/promises';
import { type TreeEntry, walkTree } from './walk.ts';

const types = { folder: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const;

/** An entry of an archive; owner and group are root. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly name: string;
  readonly type: keyof typeof types;
  readonly mode: number;
  readonly data: Uint8Array;
  /** Major and minor number of a device. */
  readonly device?: readonly [number, number];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}

function record(entry: CpioEntry, number: number, mtime: number): Buffer[] {
  const name = Buffer.from(`${entry.name}\0`);
  const [major = 0, minor = 0] = entry.device ?? [];
  const links = entry.type === 'folder' ? 2 : 1;
  const fields = [
    ...[number, types[entry.type] | entry.mode, 0, 0, links, mtime, entry.data.length],
    ...[0, 0, major, minor, name.length, 0],
  ];
  const head = Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}`);
  return [head, name, padding(head.length + name.length), Buffer.from(entry.data), padding(entry.data.length)];
}

/** The archive of these entries. `mtime`: seconds since 1970, of all of them. */
export function cpioArchive(entries: readonly CpioEntry[], mtime: number): Buffer {
  const records = entries.flatMap((entry, index) => record(entry, index + 1, mtime));
  const trailer = record({ name: 'TRAILER!!!', type: 'file', mode: 0, data: Buffer.alloc(0) }, 0, 0);
  const archive = Buffer.concat([...records, ...trailer]);
  return Buffer.concat([archive, Buffer.alloc((512 - (archive.length % 512)) % 512)]);
}

async function entryOf(root: string, entry: TreeEntry): Promise<CpioEntry> {
  const name = entry.path.slice(1);
  switch (entry.kind) {
    case 'folder':
      return { name, type: 'folder', mode: entry.mode, data: Buffer.alloc(0) };
    case 'file':
      return { name, type: 'file', mode: entry.mode, data: await readFile(root + entry.path) };
    case 'link':
      return { name, type: 'link', mode: 0o777, data: Buffer.from(entry.target) };
  }
}

/** The archive of a folder, with the console that the kernel gives to /init. */
export async function cpioOfTree(root: string, mtime: number): Promise<Buffer> {
  const entries = await Promise.all((await walkTree(root)).map((entry) => entryOf(root, entry)));
  const devices: CpioEntry[] = [
    { name: 'dev', type: 'folder', mode: 0o755, data: Buffer.alloc(0) },
    { name: 'dev/console', type: 'device', mode: 0o600, data: Buffer.alloc(0), device: [5, 1] },
    { name: 'dev/null', type: 'device', mode: 0o666, data: Buffer.alloc(0), device: [1, 3] },
  ];
  return cpioArchive([...devices, ...entries.filter(({ name }) => name !== 'dev')], mtime);
}
