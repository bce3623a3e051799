import { createHost, silentLog } from '@isthmus/host';
import { InvalidValueError } from '@isthmus/net';
import { newSshKeyPair, parseSshPublicKey } from '@isthmus/orchestrator/model/ssh-key';
import test from 'ava';

const { commands, files } = createHost({ log: silentLog });

async function inFolder<Result>(use: (path: string) => Promise<Result>): Promise<Result> {
  const { stdout } = await commands.run('mktemp', ['-d']);
  const path = stdout.trim();
  try {
    return await use(path);
  } finally {
    await files.remove(path);
  }
}

const md5Of = (words: string) => /MD5:(\S+)/.exec(words)?.[1];

test('a new pair is read by ssh-keygen, which makes the same public key of its private one', async (t) => {
  const pair = await newSshKeyPair();
  await inFolder(async (folder) => {
    await files.writeText(`${folder}/key`, pair.privateKey, { mode: 0o600 });
    t.is((await commands.run('ssh-keygen', ['-y', '-f', `${folder}/key`])).stdout.trim(), pair.line);
    const { stdout } = await commands.run('ssh-keygen', ['-l', '-E', 'md5', '-f', `${folder}/key`]);
    t.is(md5Of(stdout) ?? '', pair.fingerprint);
    t.regex(stdout, /^3072 /);
  });
});

for (const [type, bits] of [
  ['rsa', '2048'],
  ['ed25519', '256'],
  ['ecdsa', '256'],
  ['ecdsa', '384'],
  ['ecdsa', '521'],
] as const) {
  test(`a key of ssh-keygen -t ${type} -b ${bits} is taken, cut or lengthened it is not`, async (t) => {
    await inFolder(async (folder) => {
      await commands.run('ssh-keygen', [
        '-q',
        '-t',
        type,
        '-b',
        bits,
        '-N',
        '',
        '-C',
        'me@there',
        '-f',
        `${folder}/key`,
      ]);
      const text = await files.readText(`${folder}/key.pub`);
      const { line, fingerprint } = parseSshPublicKey(text);
      t.is(line, text.trim());
      const { stdout } = await commands.run('ssh-keygen', ['-l', '-E', 'md5', '-f', `${folder}/key.pub`]);
      t.is(fingerprint, md5Of(stdout) ?? '');
      const [name = '', base64 = ''] = text.split(' ');
      const blob = Buffer.from(base64, 'base64');
      for (const bytes of [
        blob.subarray(0, -1),
        Buffer.concat([blob, Buffer.alloc(1)]),
        Buffer.concat([blob, Buffer.alloc(4)]),
      ]) {
        t.throws(() => parseSshPublicKey(`${name} ${bytes.toString('base64')}`), { instanceOf: InvalidValueError });
      }
      for (const lie of [
        `command="id" ${line}`,
        `${line}\n${line}`,
        `${line}\nssh-rsa AAAA`,
        line.replace(name, name === 'ssh-ed25519' ? 'ssh-rsa' : 'ssh-ed25519'),
        `${name}  ${base64}`,
        `${name} ${base64}====`,
        `${line}\u0000`,
        `${line} ü`,
        base64,
        '',
      ]) {
        t.throws(() => parseSshPublicKey(lie), { instanceOf: InvalidValueError });
      }
    });
  });
}

test('keys that nobody should trust are refused', (t) => {
  const field = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const rsa = (bits: number) =>
    Buffer.concat([field(Buffer.from('ssh-rsa')), field(Buffer.from([1, 0, 1])), field(Buffer.alloc(bits / 8, 0x7f))]);
  t.throws(() => parseSshPublicKey(`ssh-rsa ${rsa(768).toString('base64')}`), { instanceOf: InvalidValueError });
  t.notThrows(() => parseSshPublicKey(`ssh-rsa ${rsa(1032).toString('base64')}`));
  const dss = Buffer.concat([field(Buffer.from('ssh-dss')), field(Buffer.alloc(128, 0x7f))]);
  t.throws(() => parseSshPublicKey(`ssh-dss ${dss.toString('base64')}`), { instanceOf: InvalidValueError });
});
