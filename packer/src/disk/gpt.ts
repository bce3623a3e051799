// GUID partition tables (UEFI specification, chapter 5), as bytes: the same partitions are always the same table.
import { crc32 } from 'node:zlib';

export const sectorBytes = 512;
const entryBytes = 128;
const entryCount = 128;
const tableSectors = (entryBytes * entryCount) / sectorBytes;
/** First sector that a partition may have: what is before holds the tables. */
export const firstUsableSector = 2 + tableSectors;
const headerBytes = 92;

/** Kinds of partitions. */
export const partitionTypes = {
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  biosBoot: '21686148-6449-6e6f-744e-656564454649',
  linux: '0fc63daf-8483-4772-8e79-3d69d8477de4',
} as const;

/** A partition. `name` is its PARTLABEL, at most 36 characters; sectors have 512 bytes; both ends are part of it. */
export interface Partition {
  readonly name: string;
  readonly type: string;
  readonly uuid: string;
  readonly firstSector: number;
  readonly lastSector: number;
  readonly readOnly?: boolean;
}

/** Bytes of a GUID as UEFI stores it: the first three groups little-endian. */
export function guidBytes(guid: string): Buffer {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(guid)) {
    throw new Error(`GUID ${JSON.stringify(guid)}: expected lower-case hexadecimal in five groups`);
  }
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

function entryOf({ name, type, uuid, firstSector, lastSector, readOnly }: Partition): Buffer {
  const entry = Buffer.alloc(entryBytes);
  guidBytes(type).copy(entry, 0);
  guidBytes(uuid).copy(entry, 16);
  entry.writeBigUInt64LE(BigInt(firstSector), 32);
  entry.writeBigUInt64LE(BigInt(lastSector), 40);
  // Bit 60 of the attributes of a Linux partition: read-only.
  entry.writeBigUInt64LE(readOnly === true ? 1n << 60n : 0n, 48);
  if (name.length > 36) throw new Error(`partition ${JSON.stringify(name)}: expected a name of at most 36 characters`);
  entry.write(name, 56, 'utf16le');
  return entry;
}

function header(diskUuid: string, sectors: number, table: Buffer, isBackup: boolean): Buffer {
  const last = sectors - 1;
  const sector = Buffer.alloc(sectorBytes);
  sector.write('EFI PART', 0, 'latin1');
  sector.writeUInt32LE(0x0001_0000, 8);
  sector.writeUInt32LE(headerBytes, 12);
  sector.writeBigUInt64LE(BigInt(isBackup ? last : 1), 24);
  sector.writeBigUInt64LE(BigInt(isBackup ? 1 : last), 32);
  sector.writeBigUInt64LE(BigInt(firstUsableSector), 40);
  sector.writeBigUInt64LE(BigInt(last - tableSectors - 1), 48);
  guidBytes(diskUuid).copy(sector, 56);
  sector.writeBigUInt64LE(BigInt(isBackup ? last - tableSectors : 2), 72);
  sector.writeUInt32LE(entryCount, 80);
  sector.writeUInt32LE(entryBytes, 84);
  sector.writeUInt32LE(crc32(table), 88);
  sector.writeUInt32LE(crc32(sector.subarray(0, headerBytes)), 16);
  return sector;
}

/** The MBR that keeps older programs off the disk; `bootCode` is what a BIOS runs, at most 440 bytes. */
function protectiveMbr(sectors: number, bootCode: Uint8Array): Buffer {
  const mbr = Buffer.alloc(sectorBytes);
  mbr.set(bootCode.subarray(0, 440), 0);
  mbr.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  mbr.writeUInt32LE(1, 454);
  mbr.writeUInt32LE(Math.min(sectors - 1, 0xffff_ffff), 458);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

function checkPartitions(partitions: readonly Partition[], sectors: number): void {
  let free = firstUsableSector;
  for (const { name, firstSector, lastSector } of partitions) {
    if (firstSector < free || lastSector < firstSector || lastSector > sectors - tableSectors - 2) {
      throw new Error(`partition ${name}: sectors ${firstSector} to ${lastSector}: expected them in free room`);
    }
    free = lastSector + 1;
  }
}

/**
 * What stands at the beginning and at the end of a disk of `sectors` sectors. Partitions are in the order of their
 * sectors. Throws where they overlap or do not fit.
 */
export function gptTables(
  diskUuid: string,
  sectors: number,
  partitions: readonly Partition[],
  bootCode: Uint8Array = Buffer.alloc(0),
): { readonly start: Buffer; readonly end: Buffer } {
  checkPartitions(partitions, sectors);
  const table = Buffer.alloc(entryBytes * entryCount);
  for (const [index, partition] of partitions.entries()) entryOf(partition).copy(table, index * entryBytes);
  return {
    start: Buffer.concat([protectiveMbr(sectors, bootCode), header(diskUuid, sectors, table, false), table]),
    end: Buffer.concat([table, header(diskUuid, sectors, table, true)]),
  };
}
