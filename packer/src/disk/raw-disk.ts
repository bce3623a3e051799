// The raw disk: partition tables, boot partition, root and the room of the state partition, in a sparse file.
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { BootParts } from './boot-partition.ts';
import { firstUsableSector, gptTables, type Partition, partitionTypes, sectorBytes } from './gpt.ts';

const mebibyte = 1024 * 1024;
const alignSectors = mebibyte / sectorBytes;
const blockBytes = 64 * 1024;
/** Sectors behind the last partition: the backup of the table, and the rest of its mebibyte. */
const tailSectors = alignSectors;

/** Sector where GRUB's part for a BIOS begins. */
export const coreSector = firstUsableSector;

/** Fixed identities: two builds of the same image are the same disk. Copies of one disk never meet in one machine. */
const uuids = {
  disk: '1574a005-0000-4000-8000-000000000000',
  bios: '1574a005-0000-4000-8000-000000000001',
  boot: '1574a005-0000-4000-8000-000000000002',
  root: '1574a005-0000-4000-8000-000000000003',
  state: '1574a005-0000-4000-8000-000000000004',
} as const;

/** What a disk holds besides what boots it; null where the initramfs is all of the system. */
export type RootParts = { readonly rootPath: string; readonly stateBytes: number } | null;

/** The partitions of a disk and its size in sectors. */
export function layOut(
  fatBytes: number,
  root: { readonly rootBytes: number; readonly stateBytes: number } | null,
): { readonly partitions: readonly Partition[]; readonly sectors: number } {
  const { biosBoot, efiSystem, linux } = partitionTypes;
  const partitions: Partition[] = [
    { name: 'isthmus-bios', type: biosBoot, uuid: uuids.bios, firstSector: coreSector, lastSector: alignSectors - 1 },
  ];
  let next = alignSectors;
  const add = (name: string, type: string, uuid: string, bytes: number, readOnly = false) => {
    const sectors = Math.ceil(bytes / mebibyte) * alignSectors;
    partitions.push({ name, type, uuid, firstSector: next, lastSector: next + sectors - 1, readOnly });
    next += sectors;
  };
  add('isthmus-boot', efiSystem, uuids.boot, fatBytes);
  if (root !== null) {
    add('isthmus-root', linux, uuids.root, root.rootBytes, true);
    add('isthmus-state', linux, uuids.state, root.stateBytes);
  }
  return { partitions, sectors: next + tailSectors };
}

/** Copies a file to an offset of the disk; blocks of zeros stay holes. */
async function copyAt(disk: FileHandle, path: string, offset: number): Promise<void> {
  const file = await open(path, 'r');
  try {
    const block = Buffer.alloc(16 * blockBytes);
    const zeros = Buffer.alloc(blockBytes);
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(block, 0, block.length, at);
      if (bytesRead === 0) return;
      for (let start = 0; start < bytesRead; start += blockBytes) {
        const part = block.subarray(start, Math.min(start + blockBytes, bytesRead));
        if (!part.equals(zeros.subarray(0, part.length))) await disk.write(part, 0, part.length, offset + at + start);
      }
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** Writes the disk to `path`; answers with its size in bytes. */
export async function writeRawDisk(path: string, boot: BootParts, root: RootParts): Promise<number> {
  const sizes = root === null ? null : { rootBytes: (await stat(root.rootPath)).size, stateBytes: root.stateBytes };
  const { partitions, sectors } = layOut(boot.fatBytes, sizes);
  const tables = gptTables(uuids.disk, sectors, partitions, boot.bootCode);
  const offsetOf = (name: string) => {
    const partition = partitions.find((candidate) => candidate.name === name);
    if (partition === undefined) throw new Error(`no partition ${name}`);
    return partition.firstSector * sectorBytes;
  };
  const disk = await open(path, 'wx', 0o644);
  try {
    await disk.truncate(sectors * sectorBytes);
    await disk.write(tables.start, 0, tables.start.length, 0);
    await disk.write(boot.core, 0, boot.core.length, coreSector * sectorBytes);
    await copyAt(disk, boot.fatPath, offsetOf('isthmus-boot'));
    if (root !== null) await copyAt(disk, root.rootPath, offsetOf('isthmus-root'));
    await disk.write(tables.end, 0, tables.end.length, sectors * sectorBytes - tables.end.length);
  } finally {
    await disk.close();
  }
  return sectors * sectorBytes;
}
