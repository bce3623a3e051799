import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import fc from 'fast-check';
import { linkBiosGrub } from './boot-partition.ts';
import { gptTables, guidBytes, partitionTypes, sectorBytes } from './gpt.ts';
import { coreSector, layOut } from './raw-disk.ts';

const { commands } = createHost({ log: silentLog });
const disk = '00000000-1111-4222-8333-444444444444';
const mebibyte = 1024 * 1024;

test('a GUID is stored with its first three groups turned round', (t) => {
  t.is(guidBytes('00112233-4455-6677-8899-aabbccddeeff').toString('hex'), '33221100554477668899aabbccddeeff');
  t.throws(() => guidBytes('00112233'), { message: /five groups/ });
});

test('sgdisk finds no fault in the table of an appliance, and reads what was written', async (t) => {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-gpt-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { partitions, sectors } = layOut(20 * mebibyte, { rootBytes: 3 * mebibyte + 5, stateBytes: 8 * mebibyte });
  const { start, end } = gptTables(disk, sectors, partitions);
  const middle = Buffer.alloc(sectors * sectorBytes - start.length - end.length);
  await writeFile(`${folder}/disk`, Buffer.concat([start, middle, end]));
  const { stdout } = await commands.run('sgdisk', ['--verify', `${folder}/disk`]);
  t.regex(stdout, /No problems found/);
  const printed = await commands.run('sgdisk', ['--print', `${folder}/disk`]);
  const rows = printed.stdout.split('\n').filter((line) => /^ +\d/.test(line));
  t.deepEqual(
    rows.map((row) =>
      row
        .trim()
        .split(/ +/)
        .filter((_, column) => [1, 2, 5, 6].includes(column))
        .join(' '),
    ),
    [
      `${coreSector} 2047 EF02 isthmus-bios`,
      '2048 43007 EF00 isthmus-boot',
      '43008 51199 8300 isthmus-root',
      '51200 67583 8300 isthmus-state',
    ],
  );
});

test('partitions never overlap, lie on whole mebibytes and inside the disk', (t) => {
  const bytes = fc.integer({ min: 1, max: 4 * 1024 * mebibyte });
  fc.assert(
    fc.property(bytes, bytes, bytes, (fatBytes, rootBytes, stateBytes) => {
      const { partitions, sectors } = layOut(fatBytes, { rootBytes, stateBytes });
      t.notThrows(() => gptTables(disk, sectors, partitions));
      const [, ...aligned] = partitions;
      t.true(aligned.every(({ firstSector }) => (firstSector * sectorBytes) % mebibyte === 0));
      t.is((sectors * sectorBytes) % mebibyte, 0);
    }),
  );
});

test('partitions that overlap or do not fit are refused, with their name', (t) => {
  const partition = { name: 'a', type: partitionTypes.linux, uuid: disk, firstSector: 34, lastSector: 99 };
  const rows = [
    [partition, { ...partition, name: 'b', firstSector: 99, lastSector: 200 }],
    [{ ...partition, name: 'b', lastSector: 1000 }],
    [{ ...partition, name: 'b', firstSector: 2 }],
  ];
  for (const partitions of rows) t.throws(() => gptTables(disk, 1000, partitions), { message: /partition b: / });
});

test("GRUB's parts for a BIOS know where the next one lies", (t) => {
  const { bootCode, core } = linkBiosGrub(Buffer.alloc(512), Buffer.alloc(1300), 34);
  t.is(bootCode.length, 440);
  t.is(bootCode.readBigUInt64LE(0x5c), 34n);
  t.is(core.length, 1536);
  t.is(core.readBigUInt64LE(500), 35n);
  t.is(core.readUInt16LE(508), 2);
});
