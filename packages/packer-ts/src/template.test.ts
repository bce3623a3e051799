import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { render } from './render.ts';
import type { Template } from './template.ts';
import { everything } from './testing.ts';
import { literal, user } from './text.ts';
import { validate } from './validate.ts';

test('a template is the text that Packer reads', async (t) => {
  const golden = new URL('golden/everything.json', import.meta.url);
  const text = render(everything);
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
  t.is(text, await readFile(golden, 'utf8'));
});

test('what Packer would refuse, or silently not do, is found before', (t) => {
  const [qemu] = everything.builders;
  if (qemu === undefined) throw new Error('the template has no builder');
  const rows: [Partial<Template>, string][] = [
    [{ variables: { iso: null, output: 'out' } }, 'builders.0.iso_checksum: variable iso_checksum is not declared'],
    [{ variables: { ...everything.variables, 'No Name': '' } }, 'variables.No Name: variable "No Name": expected'],
    [{ builders: [] }, 'builders: expected at least one'],
    [{ builders: [...everything.builders, qemu] }, 'builders.4: another builder is named qemu'],
    [{ builders: [{ ...qemu, name: 'mine' }], provisioners: [] }, 'postProcessors.0.0.only: no builder is named qemu'],
    [
      { provisioners: [{ type: 'shell-local', inline: [user('x')] }] },
      'provisioners.0.inline.0: variable x is not declared',
    ],
    [
      { provisioners: [{ type: 'shell-local', inline: [literal('a')], only: ['x'] }] },
      'provisioners.0.only: no builder is named x',
    ],
  ];
  t.deepEqual(validate(everything), []);
  for (const [change, expected] of rows) {
    const template = { ...everything, ...change };
    const [issue] = validate(template);
    t.true(`${issue?.path}: ${issue?.message}`.startsWith(expected), `${issue?.path}: ${issue?.message}`);
    t.throws(() => render(template), { instanceOf: TypeError });
  }
});
