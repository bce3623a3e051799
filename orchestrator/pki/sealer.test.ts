import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import fc from 'fast-check';
import { openSealer } from './master-key.ts';
import { createSealer, SealedTextError } from './sealer.ts';

const key = Buffer.alloc(32, 7);
const { files } = createHost({ log: silentLog });

test('what is sealed opens again, and no two sealed texts are alike', (t) => {
  const sealer = createSealer(key, 'the test');
  fc.assert(
    fc.property(fc.string(), (text) => {
      const sealed = sealer.seal(text);
      t.not(sealed, sealer.seal(text));
      t.is(sealer.open(sealed), text);
    }),
  );
});

test('a sealed text with any one bit changed is refused', (t) => {
  const sealer = createSealer(key, 'the test');
  const [version, body] = sealer.seal('the private key').split(':');
  const bytes = Buffer.from(body ?? '', 'base64');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.throws(() => sealer.open(`${version}:${changed.toString('base64')}`), { instanceOf: SealedTextError });
  }
});

for (const text of [
  '',
  'sealed-1:',
  'sealed-1:AAAA',
  'sealed-2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'open',
]) {
  test(`what was never sealed is refused: ${JSON.stringify(text)}`, (t) => {
    t.throws(() => createSealer(key, 'the test').open(text), { instanceOf: SealedTextError });
  });
}

test('another key is refused, and the error says where it is from', (t) => {
  const sealed = createSealer(key, 'one').seal('secret');
  const other = createSealer(Buffer.alloc(32, 8), 'var/credentials/master.key');
  const error = t.throws(() => other.open(sealed), { instanceOf: SealedTextError });
  t.regex(error?.message ?? '', /^the master key of var\/credentials\/master\.key does not open/);
});

async function scratch(): Promise<string> {
  return mkdtemp('/tmp/isthmus-master-key-');
}

test('the master key is made once, for its owner alone', async (t) => {
  const folder = await scratch();
  try {
    const path = `${folder}/master.key`;
    const sealers = await Promise.all([1, 2, 3, 4].map(() => openSealer({ files, path, env: {} })));
    t.is((await stat(path)).mode & 0o777, 0o600);
    const sealed = sealers[0]?.seal('secret') ?? '';
    for (const sealer of sealers) t.is(sealer.open(sealed), 'secret');
    t.is((await openSealer({ files, path, env: {} })).open(sealed), 'secret');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the environment goes before the file', async (t) => {
  const folder = await scratch();
  try {
    const path = `${folder}/master.key`;
    const env = { ISTHMUS_MASTER_KEY: key.toString('base64') };
    const sealer = await openSealer({ files, path, env });
    t.is(createSealer(key, 'the test').open(sealer.seal('secret')), 'secret');
    await t.throwsAsync(stat(path), { code: 'ENOENT' });
    await t.throwsAsync(openSealer({ files, path, env: { ISTHMUS_MASTER_KEY: 'short' } }), {
      message: /^ISTHMUS_MASTER_KEY: expected a master key, 32 bytes in base64/,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a file that holds no key is left alone and named', async (t) => {
  const folder = await scratch();
  try {
    const path = `${folder}/master.key`;
    await writeFile(path, 'not a key\n');
    await chmod(path, 0o600);
    await t.throwsAsync(openSealer({ files, path, env: {} }), { message: /master\.key: expected a master key/ });
    t.is(await readFile(path, 'utf8'), 'not a key\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});
