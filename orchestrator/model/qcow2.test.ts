import test from 'ava';
import fc from 'fast-check';
import { DiskRefusedError, inspectQcow2, qcow2HeaderBytes } from './qcow2.ts';

const gigabyte = 2 ** 30;
const limit = 10 * gigabyte;
const fileBytes = 4 * 65_536;

/** Header of an empty disk of 1 GiB, as qemu-img makes it. */
function sound(version: 2 | 3 = 3): DataView {
  const view = new DataView(new ArrayBuffer(qcow2HeaderBytes));
  view.setUint32(0, 0x51_46_49_fb);
  view.setUint32(4, version);
  view.setUint32(20, 16);
  view.setBigUint64(24, BigInt(gigabyte));
  view.setUint32(36, 2);
  view.setBigUint64(40, BigInt(3 * 65_536));
  view.setBigUint64(48, BigInt(65_536));
  view.setUint32(56, 1);
  if (version === 3) {
    view.setUint32(96, 4);
    view.setUint32(100, 112);
    view.setUint32(112, 0x6803_f857);
    view.setUint32(116, 48);
  }
  return view;
}

function reasonOf(view: DataView, bytes = fileBytes, atMost = limit): string {
  try {
    inspectQcow2(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), bytes, atMost);
  } catch (error) {
    if (error instanceof DiskRefusedError) return error.message;
    throw error;
  }
  return 'taken';
}

test('a plain qcow2 of version 2 or 3 is taken', (t) => {
  t.is(reasonOf(sound()), 'taken');
  t.is(reasonOf(sound(2)), 'taken');
  const zstd = sound();
  zstd.setBigUint64(72, 8n);
  zstd.setUint8(104, 1);
  t.is(reasonOf(zstd), 'taken');
});

const damages: [string, (view: DataView) => void, RegExp][] = [
  ['magic', (view) => view.setUint32(0, 0x4b44_4d56), /is no qcow2/],
  ['version 1', (view) => view.setUint32(4, 1), /version 1, expected 2 or 3/],
  ['version 4', (view) => view.setUint32(4, 4), /version 4/],
  ['backing file', (view) => view.setBigUint64(8, 512n), /backing file/],
  ['backing file name of no length', (view) => view.setUint32(16, 9), /backing file/],
  ['clusters too small', (view) => view.setUint32(20, 8), /2\^8 bytes/],
  ['clusters too big', (view) => view.setUint32(20, 31), /2\^31 bytes/],
  ['no size', (view) => view.setBigUint64(24, 0n), /virtual size is 0/],
  ['bomb', (view) => view.setBigUint64(24, BigInt(limit) + 512n), /at most 10737418240 are taken/],
  ['absurd size', (view) => view.setBigUint64(24, 2n ** 63n), /absurd/],
  ['AES', (view) => view.setUint32(32, 1), /encrypted/],
  ['LUKS', (view) => view.setUint32(32, 2), /encrypted/],
  ['L1 too small', (view) => view.setUint32(36, 1), /L1 table has 1 entries/],
  ['L1 too big', (view) => view.setUint32(36, 0x00ff_ffff), /L1 table has/],
  ['L1 outside', (view) => view.setBigUint64(40, 2n ** 40n), /L1 table .* does not lie in the file/],
  ['L1 in the header', (view) => view.setBigUint64(40, 0n), /L1 table/],
  ['L1 not aligned', (view) => view.setBigUint64(40, 65_537n), /L1 table/],
  ['refcounts too many', (view) => view.setUint32(56, 200), /refcount table has/],
  ['no refcounts', (view) => view.setUint32(56, 0), /refcount table has 0/],
  ['refcounts outside', (view) => view.setBigUint64(48, 2n ** 30n), /refcount table/],
  ['snapshots', (view) => view.setUint32(60, 1), /snapshots/],
  ['snapshot table', (view) => view.setBigUint64(64, 65_536n), /snapshots/],
  ['dirty', (view) => view.setBigUint64(72, 1n), /not closed cleanly/],
  ['corrupt', (view) => view.setBigUint64(72, 2n), /marked corrupt/],
  ['external data', (view) => view.setBigUint64(72, 4n), /external data file/],
  ['extended L2', (view) => view.setBigUint64(72, 16n), /extended L2/],
  ['unknown incompatible', (view) => view.setBigUint64(72, 1n << 40n), /unknown incompatible/],
  ['raw external data', (view) => view.setBigUint64(88, 2n), /external data file/],
  ['refcount order', (view) => view.setUint32(96, 7), /2\^7 bits/],
  ['header length', (view) => view.setUint32(100, 4096), /header has 4096 bytes/],
  ['compression without its bit', (view) => view.setUint8(104, 1), /compression type 1/],
  ['bit without compression', (view) => view.setBigUint64(72, 8n), /compression type 0/],
  ['backing format', (view) => view.setUint32(112, 0xe279_2aca), /format of a backing file/],
  ['bitmaps', (view) => view.setUint32(112, 0x2385_2875), /bitmaps/],
  ['LUKS header', (view) => view.setUint32(112, 0x0537_be77), /LUKS/],
  ['data file name', (view) => view.setUint32(112, 0x4441_5441), /external data file/],
  ['unknown extension', (view) => view.setUint32(112, 0x1234_5678), /unknown header extension \(0x12345678\)/],
  ['endless extension', (view) => view.setUint32(116, 0xffff_ffff), /longer than the header/],
  ['a CD-ROM behind it', (view) => view.setUint32(32_769, 0x4344_3030), /hidden behind its header/],
  ['a partition table behind it', (view) => view.setUint16(510, 0x55aa), /hidden behind its header/],
];

for (const [what, damage, reason] of damages) {
  test(`a disk is refused for its ${what}`, (t) => {
    const view = sound();
    damage(view);
    t.regex(reasonOf(view), reason);
  });
}

test('a header that is cut off is refused at every length', (t) => {
  const whole = new Uint8Array(sound().buffer);
  for (let length = 0; length < 512; length += 1) {
    const cut = whole.subarray(0, length);
    t.throws(() => inspectQcow2(cut, length, limit), { instanceOf: DiskRefusedError });
  }
});

test('whatever the header holds, it is taken or refused, and never more', (t) => {
  const at = fc.nat(160);
  fc.assert(
    fc.property(fc.array(fc.tuple(at, fc.nat(255)), { maxLength: 12 }), (writes) => {
      const view = sound();
      for (const [offset, byte] of writes) view.setUint8(offset, byte);
      const reason = reasonOf(view);
      t.true(reason.length > 0);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => {
      t.throws(() => inspectQcow2(bytes, bytes.length, limit), { instanceOf: DiskRefusedError });
    }),
  );
});
