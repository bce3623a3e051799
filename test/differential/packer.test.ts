// What packer-ts writes, as Debian's own Packer reads it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, createHost, silentLog } from '@isthmus/host';
import { join as joined, literal, render, user } from '@isthmus/packer-ts';
import { everything, nasty } from '@isthmus/packer-ts/testing';
import test from 'ava';
import fc from 'fast-check';

test("Debian's Packer finds every builder and post-processor sound, and refuses a member that it does not know", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-packer-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'template.json');
  const { commands } = createHost({ log: silentLog });
  const env = { CHECKPOINT_DISABLE: '1', PACKER_CONFIG: join(directory, 'config'), HOME: directory };
  const check = () =>
    commands.run('packer', ['validate', '-var', 'iso=/tmp/installer.iso', path], { env, timeoutMs: 60_000 });
  await writeFile(path, render(everything));
  await t.notThrowsAsync(check());
  await writeFile(path, render(everything).replace('"headless"', '"headles"'));
  const error = await t.throwsAsync(check(), { instanceOf: CommandError });
  t.regex(error.stdout + error.stderr, /headles/);
});

test('Packer itself reads text back as it was, and variables as their values', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-packer-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const template = join(directory, 'template.json');
  const value = 'V`"\\}}';
  await writeFile(
    template,
    JSON.stringify({ variables: { v: value }, builders: [{ type: 'null', communicator: 'none' }] }),
  );
  const line = nasty.filter((text) => !text.includes('{{') && !/[\r\n]/.test(text) && !text.endsWith('{'));
  const lines = fc.sample(line, { numRuns: 300, seed: 1 }).map((text) => `=${text}=`);
  const { stdout } = await createHost({ log: silentLog }).commands.run('packer', ['console', template], {
    input: lines.map((text) => `${joined(literal(text), user('v'))}\n`).join(''),
    env: { CHECKPOINT_DISABLE: '1', PACKER_CONFIG: join(directory, 'config'), HOME: directory },
  });
  t.deepEqual(
    stdout.split('\n').filter((text) => text.startsWith('=')),
    lines.map((text) => text + value),
  );
});
