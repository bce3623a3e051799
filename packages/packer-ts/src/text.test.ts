import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as pathJoin } from 'node:path';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import fc from 'fast-check';
import { join, literal, type PackerText, packer, user, variablesOf } from './text.ts';

/** Printable characters, many of them such that Go's templates, JSON or a shell look at them. */
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom('{', '}', '`', '"', "'", '\\', '$', '.', '-', 'user'),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
  maxLength: 24,
});

test('what Packer would run is no text', (t) => {
  for (const value of ['{{', 'a{{user `x`}}', '{{{', 'a\0b', '\ud800'])
    t.throws(() => literal(value), { instanceOf: TypeError });
  for (const name of ['', 'A', '1a', 'a b', 'a`}}', 'a'.repeat(65)])
    t.throws(() => user(name), { instanceOf: TypeError });
  t.throws(() => join(literal('{'), user('x')), { instanceOf: TypeError });
  t.throws(() => join(literal('{'), literal(''), literal('{')), { instanceOf: TypeError });
  t.is<string, string>(
    packer`file:${user('images')}/{a}/${user('role')}`,
    'file:{{user `images`}}/{a}/{{user `role`}}',
  );
  t.deepEqual(variablesOf(packer`${user('one')}-${user('two')}`), ['one', 'two']);
});

test('pieces either make text without an action that nobody wrote, or are refused', (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(nasty, fc.constant('{'), fc.constant('}')), { maxLength: 6 }), (values) => {
      let text: PackerText;
      try {
        text = join(...values.map((value, index) => (index % 2 === 0 ? literal(value) : user('v'))));
      } catch (error) {
        t.true(error instanceof TypeError);
        return;
      }
      const odd = values.filter((_, index) => index % 2 === 1);
      t.is(text.split('{{user `v`}}').length - 1, odd.length);
      t.false(text.replaceAll('{{user `v`}}', '').includes('{{'));
    }),
  );
});

test('Packer itself reads text back as it was, and variables as their values', async (t) => {
  const directory = await mkdtemp(pathJoin(tmpdir(), 'isthmus-packer-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const template = pathJoin(directory, 'template.json');
  const value = 'V`"\\}}';
  await writeFile(
    template,
    JSON.stringify({ variables: { v: value }, builders: [{ type: 'null', communicator: 'none' }] }),
  );
  const line = nasty.filter((text) => !text.includes('{{') && !/[\r\n]/.test(text) && !text.endsWith('{'));
  const lines = fc.sample(line, { numRuns: 300, seed: 1 }).map((text) => `=${text}=`);
  const { stdout } = await createHost({ log: silentLog }).commands.run('packer', ['console', template], {
    input: lines.map((text) => `${join(literal(text), user('v'))}\n`).join(''),
    env: { CHECKPOINT_DISABLE: '1', PACKER_CONFIG: pathJoin(directory, 'config'), HOME: directory },
  });
  t.deepEqual(
    stdout.split('\n').filter((text) => text.startsWith('=')),
    lines.map((text) => text + value),
  );
});
