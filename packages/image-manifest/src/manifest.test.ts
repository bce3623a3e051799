import test from 'ava';
import fc from 'fast-check';
import { soundManifest } from './image-manifest-fixture.ts';
import { fileOfKind, ImageManifestError, manifestBytes, parseManifest } from './manifest.ts';
import type { ImageManifest } from './schema.ts';

function faultOf(value: object): string {
  try {
    manifestBytes(value as ImageManifest);
  } catch (error) {
    if (error instanceof ImageManifestError) return `${error.fault} ${error.message}`;
  }
  return 'none';
}

test('a manifest is read back as it was written, whatever the order of its keys was', (t) => {
  const bytes = manifestBytes(soundManifest);
  t.deepEqual(parseManifest(bytes), soundManifest);
  const reversed = Object.fromEntries(Object.entries(soundManifest).reverse()) as unknown as ImageManifest;
  t.deepEqual(manifestBytes(reversed), bytes);
  t.is(fileOfKind(soundManifest, 'kernel')?.name, 'router.vmlinuz');
  t.is(fileOfKind(soundManifest, 'ova'), undefined);
});

test('what breaks the schema is refused, and the error names the field', (t) => {
  const [file] = soundManifest.files;
  const rows: [object, string][] = [
    [{ ...soundManifest, schema: 2 }, 'schema'],
    [{ ...soundManifest, role: 'toaster' }, 'role'],
    [{ ...soundManifest, version: '../0.1' }, 'version'],
    [{ ...soundManifest, lockSha256: 'A'.repeat(64) }, 'lockSha256'],
    [{ ...soundManifest, kernelCommandLine: 'ro\ninit=/bin/sh' }, 'kernelCommandLine'],
    [{ ...soundManifest, disk: { virtualBytes: 513 } }, 'disk.virtualBytes'],
    [{ ...soundManifest, files: [] }, 'files'],
    [{ ...soundManifest, files: [{ ...file, name: '../router.qcow2' }] }, 'files.0.name'],
    [{ ...soundManifest, files: [{ ...file, name: '.hidden' }] }, 'files.0.name'],
    [{ ...soundManifest, files: [file, file] }, 'files: router.qcow2 stands there twice'],
    [{ ...soundManifest, files: [file, { ...file, name: 'b.qcow2' }] }, 'files: two files of kind qcow2'],
  ];
  for (const [value, expected] of rows) {
    t.true(faultOf(value).startsWith(`malformed manifest of an image: ${expected}`), faultOf(value));
  }
});

test('another spelling of the same manifest is refused', (t) => {
  const bytes = manifestBytes(soundManifest);
  const spellings = [
    JSON.stringify(soundManifest),
    `${bytes}\n`,
    bytes.toString().replace('"role"', '"role": "guest", "role"'),
    bytes.toString().replace('"role"', '"r\\u006fle"'),
    '',
    'null',
    '[]',
    ' '.repeat(70_000),
  ];
  for (const text of spellings) t.throws(() => parseManifest(Buffer.from(text)), { instanceOf: ImageManifestError });
  t.throws(() => parseManifest(Buffer.from([0xff, 0xfe])), { instanceOf: ImageManifestError });
});

test('no text at all is read as something that is not spelled like it', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      t.throws(() => parseManifest(Buffer.from(JSON.stringify(value))), { instanceOf: ImageManifestError });
    }),
  );
});
