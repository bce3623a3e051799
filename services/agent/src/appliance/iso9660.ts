// Reads small files of a CD-ROM's root directory without mounting it: ISO 9660 (ECMA-119) with the names of Joliet, else of
// Rock Ridge (IEEE P1282, entry NM), else its own.
import type { FileHandle } from 'node:fs/promises';

const sectorBytes = 2048;
const firstDescriptor = 16;
const lastDescriptor = 64;
const [primaryType, supplementaryType, terminatorType] = [1, 2, 255];
const directoryLimitBytes = 1024 * 1024;

/** What is on the drive is not a file system that this reads, or ends too early. */
export class DiscError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DiscError';
  }
}

interface Extent {
  readonly sector: number;
  readonly bytes: number;
}

async function read(disc: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await disc.read(buffer, filled, bytes - filled, offset + filled);
    if (bytesRead === 0) {
      throw new DiscError(`the disc ends at byte ${offset + filled}: expected ${bytes} bytes from byte ${offset}`);
    }
    filled += bytesRead;
  }
  return buffer;
}

/** Location and length stand in both byte orders; the little-endian one comes first. */
function extentOf(record: Buffer): Extent {
  return { sector: record.readUInt32LE(2), bytes: record.readUInt32LE(10) };
}

function swapped(bytes: Buffer): string {
  return Buffer.from(bytes).swap16().toString('utf16le');
}

/** The name of Rock Ridge's entries NM in the system use area, or null. */
function rockRidgeName(systemUse: Buffer): string | null {
  let name = '';
  for (let at = 0; at + 4 <= systemUse.length; ) {
    const length = systemUse[at + 2] ?? 0;
    if (length < 4) break;
    if (systemUse.toString('latin1', at, at + 2) === 'NM') name += systemUse.toString('utf8', at + 5, at + length);
    at += length;
  }
  return name === '' ? null : name;
}

function nameOf(record: Buffer, isJoliet: boolean): string {
  const length = record[32] ?? 0;
  const own = record.subarray(33, 33 + length);
  const systemUse = record.subarray(33 + length + (length % 2 === 0 ? 1 : 0));
  if (isJoliet) return length % 2 === 0 ? swapped(own).replace(/;1$/, '') : '';
  return rockRidgeName(systemUse) ?? own.toString('latin1').replace(/;1$/, '').toLowerCase();
}

function* recordsOf(directory: Buffer): Generator<Buffer> {
  for (let at = 0; at < directory.length; ) {
    const length = directory[at] ?? 0;
    // A record does not cross the end of a sector: the rest of this one is empty.
    if (length < 34) at = (Math.floor(at / sectorBytes) + 1) * sectorBytes;
    else yield directory.subarray(at, at + length);
    at += length < 34 ? 0 : length;
  }
}

export class Disc {
  /** Name of the volume, without the spaces behind it. */
  readonly volume: string;
  readonly #disc: FileHandle;
  readonly #root: Extent;
  readonly #isJoliet: boolean;

  private constructor(disc: FileHandle, volume: string, root: Extent, isJoliet: boolean) {
    this.#disc = disc;
    this.volume = volume;
    this.#root = root;
    this.#isJoliet = isJoliet;
  }

  /** Reads the descriptors. Throws DiscError where they are not those of an ISO 9660 disc; errors of the drive as they come. */
  static async open(disc: FileHandle): Promise<Disc> {
    let primary: Buffer | null = null;
    let joliet: Buffer | null = null;
    for (let sector = firstDescriptor; sector < lastDescriptor; sector += 1) {
      const descriptor = await read(disc, sector * sectorBytes, sectorBytes);
      const type = descriptor[0];
      if (descriptor.toString('latin1', 1, 6) !== 'CD001') throw new DiscError('the disc is not an ISO 9660 disc');
      if (type === terminatorType) break;
      if (type === primaryType) primary ??= descriptor;
      // Escape sequences of UCS-2: levels 1, 2 and 3 of Joliet.
      if (type === supplementaryType && /^%\/[@CE]/.test(descriptor.toString('latin1', 88, 91))) joliet ??= descriptor;
    }
    if (primary === null) throw new DiscError('the disc has no primary volume descriptor');
    const volume = primary.toString('latin1', 40, 72).trimEnd();
    const root = extentOf((joliet ?? primary).subarray(156, 190));
    return new Disc(disc, volume, root, joliet !== null);
  }

  /** A file of the root directory, or null where there is none. Throws DiscError where it is cut short or above the limit. */
  async file(name: string, limitBytes: number): Promise<Buffer | null> {
    const { sector, bytes } = this.#root;
    if (bytes > directoryLimitBytes) throw new DiscError(`the root directory has ${bytes} bytes`);
    const directory = await read(this.#disc, sector * sectorBytes, bytes);
    for (const record of recordsOf(directory)) {
      if (nameOf(record, this.#isJoliet) !== name) continue;
      const extent = extentOf(record);
      if (extent.bytes > limitBytes) {
        throw new DiscError(`${name} has ${extent.bytes} bytes: expected at most ${limitBytes}`);
      }
      return read(this.#disc, extent.sector * sectorBytes, extent.bytes);
    }
    return null;
  }
}
