// What a qcow2 file says of itself, read before any tool opens it: a disk from outside can name files of the host that
// opens it (backing file, external data file), or ask for tables without measure. Format: QEMU, docs/interop/qcow2.txt.

/** Why a disk is refused, for a person. */
export class DiskRefusedError extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'DiskRefusedError';
  }
}

/** A sound header. Sizes in bytes. */
export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly virtualBytes: number;
  readonly clusterBytes: number;
}

/** How much of the file's beginning `inspectQcow2` wants, or the whole of a shorter file. */
export const qcow2HeaderBytes = 64 * 1024;

const magic = 0x51_46_49_fb;
const version2Length = 72;
const compressionBit = 1n << 3n;
const incompatibleBits: readonly [bigint, string][] = [
  [1n << 0n, 'it was not closed cleanly (run qemu-img check -r all)'],
  [1n << 1n, 'it is marked corrupt'],
  [1n << 2n, 'it has an external data file'],
  [1n << 4n, 'it has extended L2 entries'],
];
const featureNames = 0x6803_f857;
const extensionReasons = new Map([
  [0xe279_2aca, 'it names the format of a backing file'],
  [0x2385_2875, 'it has persistent bitmaps'],
  [0x0537_be77, 'it is encrypted (LUKS)'],
  [0x4441_5441, 'it names an external data file'],
]);
/** As QEMU has it: 32 MiB of L1 table, 8 MiB of refcount table. */
const mostL1Bytes = 32 * 1024 * 1024;
const mostRefcountTableBytes = 8 * 1024 * 1024;

function refuse(reason: string): never {
  throw new DiskRefusedError(reason);
}

/** A 64-bit number of the header; one beyond 2^53 is no size or place of any file. */
function number64(header: DataView, at: number, what: string): number {
  const value = header.getBigUint64(at);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? refuse(`its ${what} is absurd (${value})`) : Number(value);
}

/** Where a table of `bytes` lies in the file: cluster-aligned, behind the header, within the file. */
function checkTable(what: string, offset: number, bytes: number, clusterBytes: number, fileBytes: number): void {
  if (offset === 0 || offset % clusterBytes !== 0 || offset + bytes > fileBytes) {
    refuse(`its ${what} (${bytes} bytes at ${offset}) does not lie in the file of ${fileBytes} bytes`);
  }
}

function checkTables(header: DataView, clusterBytes: number, virtualBytes: number, fileBytes: number): void {
  const l1Entries = header.getUint32(36);
  const perL1Entry = clusterBytes * (clusterBytes / 8);
  const needed = Math.ceil(virtualBytes / perL1Entry);
  if (l1Entries < needed || l1Entries * 8 > mostL1Bytes || l1Entries > needed * 2 + clusterBytes / 8) {
    refuse(`its L1 table has ${l1Entries} entries, and its ${virtualBytes} bytes need ${needed}`);
  }
  checkTable('L1 table', number64(header, 40, 'L1 table offset'), l1Entries * 8, clusterBytes, fileBytes);
  const refcountBytes = header.getUint32(56) * clusterBytes;
  if (refcountBytes === 0 || refcountBytes > mostRefcountTableBytes) {
    refuse(`its refcount table has ${refcountBytes} bytes, at most ${mostRefcountTableBytes} are taken`);
  }
  const refcountOffset = number64(header, 48, 'refcount table offset');
  checkTable('refcount table', refcountOffset, refcountBytes, clusterBytes, fileBytes);
}

/** Checks what version 3 adds, and answers with the header's length. */
function checkVersion3(header: DataView): number {
  const incompatible = header.getBigUint64(72);
  for (const [bit, reason] of incompatibleBits) if ((incompatible & bit) !== 0n) refuse(reason);
  const known = incompatibleBits.reduce((all, [bit]) => all | bit, compressionBit);
  if ((incompatible & ~known) !== 0n) refuse(`it has unknown incompatible features (${incompatible})`);
  if ((header.getBigUint64(88) & 0b10n) !== 0n) refuse('it has an external data file');
  const refcountOrder = header.getUint32(96);
  if (refcountOrder > 6) refuse(`its refcounts have 2^${refcountOrder} bits, at most 2^6 are taken`);
  const length = header.getUint32(100);
  if (length < 104 || length > 112 || length % 8 !== 0) refuse(`its header has ${length} bytes, expected 104 or 112`);
  const compression = length > 104 ? header.getUint8(104) : 0;
  if (compression > 1 || (compression === 1) !== ((incompatible & compressionBit) !== 0n)) {
    refuse(`its compression type ${compression} is none of zlib and zstd`);
  }
  return length;
}

/** Walks the header extensions; answers with where they end. */
function checkExtensions(header: DataView, from: number, end: number): number {
  let at = from;
  while (at + 8 <= end) {
    const type = header.getUint32(at);
    const length = header.getUint32(at + 4);
    at += 8;
    if (type === 0) return at;
    const reason = extensionReasons.get(type);
    if (reason !== undefined) refuse(reason);
    if (type !== featureNames) refuse(`it has an unknown header extension (0x${type.toString(16)})`);
    if (length > end - at) refuse('a header extension is longer than the header');
    at += Math.ceil(length / 8) * 8;
  }
  return at;
}

/**
 * Reads the first `qcow2HeaderBytes` of a file of `fileBytes`. Throws DiskRefusedError for anything but a qcow2 of version
 * 2 or 3 that stands by itself: a backing file, an external data file, encryption, snapshots, bitmaps, extended L2
 * entries, unknown incompatible features, tables beyond measure or outside the file, more than `virtualBytesAtMost`, or
 * anything hidden behind the header in its cluster (where another format could be).
 */
export function inspectQcow2(start: Uint8Array, fileBytes: number, virtualBytesAtMost: number): Qcow2Header {
  const header = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (start.byteLength < version2Length || header.getUint32(0) !== magic) refuse('it is no qcow2 file');
  const version = header.getUint32(4);
  if (version !== 2 && version !== 3) refuse(`it is qcow2 of version ${version}, expected 2 or 3`);
  if (start.byteLength < Math.min(fileBytes, 512)) refuse('its header is cut off');
  if (header.getBigUint64(8) !== 0n || header.getUint32(16) !== 0) refuse('it has a backing file');
  const clusterBits = header.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) refuse(`its clusters have 2^${clusterBits} bytes, expected 2^9 to 2^21`);
  const clusterBytes = 2 ** clusterBits;
  if (header.getUint32(32) !== 0) refuse('it is encrypted');
  if (header.getUint32(60) !== 0 || header.getBigUint64(64) !== 0n) refuse('it has snapshots');
  const virtualBytes = number64(header, 24, 'virtual size');
  if (virtualBytes === 0 || virtualBytes > virtualBytesAtMost) {
    refuse(`its virtual size is ${virtualBytes} bytes, at most ${virtualBytesAtMost} are taken`);
  }
  if (version === 3 && start.byteLength < 112) refuse('its header is cut off');
  const length = version === 3 ? checkVersion3(header) : version2Length;
  const end = Math.min(clusterBytes, start.byteLength);
  const rest = checkExtensions(header, length, end);
  if (start.subarray(rest, end).some((byte) => byte !== 0)) refuse('something is hidden behind its header');
  checkTables(header, clusterBytes, virtualBytes, fileBytes);
  return { version, virtualBytes, clusterBytes };
}
