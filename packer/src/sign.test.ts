import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost } from '@isthmus/host';
import { verifyManifest } from '@isthmus/image-manifest';
import test from 'ava';
import { type ImageFacts, signImage } from './sign.ts';
import { openSigningKey } from './signing-key.ts';

const facts: ImageFacts = {
  role: 'guest',
  version: '0.1.0',
  architecture: 'amd64',
  sourceDateEpoch: 1_700_000_000,
  debug: false,
  lockSha256: 'a'.repeat(64),
  kernelCommandLine: 'console=ttyS0',
  requirements: { cpus: 1, memoryBytes: 67_108_864 },
  disk: { virtualBytes: 1_048_576 },
};

async function folder(t: { teardown(undo: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'isthmus-sign-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('a signed folder is what its manifest says, to the orchestrator, to sha256sum and to openssl', async (t) => {
  const directory = await folder(t);
  const keys = await folder(t);
  await writeFile(join(directory, 'guest.raw'), Buffer.alloc(3_000_000, 7));
  await writeFile(join(directory, 'guest.vmlinuz'), 'kernel');
  const key = await openSigningKey(keys);
  const manifest = await signImage(directory, facts, { raw: 'guest.raw', kernel: 'guest.vmlinuz' }, key);

  const bytes = await readFile(join(directory, 'manifest.json'));
  const signature = await readFile(join(directory, 'manifest.json.sig'), 'utf8');
  const trusted = await readFile(join(keys, 'trusted', `${key.keyId.slice(0, 16)}.pem`), 'utf8');
  t.deepEqual(verifyManifest(bytes, signature, [trusted]), manifest);
  t.deepEqual(
    manifest.files.map(({ name, bytes: size }) => [name, size]),
    [
      ['guest.raw', 3_000_000],
      ['guest.vmlinuz', 6],
    ],
  );

  const { commands } = createHost();
  await t.notThrowsAsync(commands.run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: directory }));
  const raw = join(keys, 'signature');
  await writeFile(raw, Buffer.from(signature.trim().split(' ')[2] ?? '', 'base64'));
  await writeFile(join(keys, 'public.pem'), key.publicPem);
  const checked = await commands.run('openssl', [
    ...['pkeyutl', '-verify', '-pubin', '-inkey', join(keys, 'public.pem'), '-rawin'],
    ...['-in', join(directory, 'manifest.json'), '-sigfile', raw],
  ]);
  t.regex(checked.stdout, /Verified Successfully/);
});

test('the signing key is made once, for its owner alone', async (t) => {
  const keys = join(await folder(t), 'image-keys');
  const [first, second] = await Promise.all([openSigningKey(keys), openSigningKey(keys)]);
  t.is(first.keyId, second.keyId);
  t.is((await stat(join(keys, 'private.pem'))).mode & 0o777, 0o600);
  t.deepEqual((await readdir(keys)).sort(), ['private.pem', 'trusted']);
  await chmod(join(keys, 'private.pem'), 0o644);
  await t.throwsAsync(openSigningKey(keys), { message: /mode 644 opens the signing key to others/ });
});
