import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { definitionTexts, writeDefinitions } from './definitions.ts';

const folder = new URL('../definitions/', import.meta.url).pathname;

test('the definitions that are checked in are what the code says', async (t) => {
  if (process.env.UPDATE_GOLDEN === '1') await writeDefinitions(folder);
  const texts = definitionTexts();
  t.deepEqual([...texts.keys()].sort(), ['console-proxy.json', 'router.json', 'secondary-storage.json']);
  t.deepEqual((await readdir(folder)).sort(), [...texts.keys()].sort());
  for (const [name, text] of texts) {
    t.is(await readFile(join(folder, name), 'utf8'), text, `npm run image -- --definitions writes ${name} anew`);
  }
});

test("Debian's Packer finds each definition sound", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-definitions-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'installer.iso'), 'an installer');
  const { commands } = createHost({ log: silentLog });
  await commands.run('sh', ['-c', 'sha256sum installer.iso >SHA256SUMS'], { cwd: directory });
  const env = { CHECKPOINT_DISABLE: '1', PACKER_CONFIG: join(directory, 'config'), HOME: directory };
  const installer = ['-var', `installer=${directory}/installer.iso`];
  const checksum = ['-var', `installer_checksum=file:${directory}/SHA256SUMS`];
  for (const name of await readdir(folder)) {
    const validate = (given: readonly string[]) =>
      commands.run('packer', ['validate', ...given, join(folder, name)], { env });
    await t.notThrowsAsync(validate([...installer, ...checksum]), name);
    await t.throwsAsync(validate(installer), undefined, `${name}: without a checksum of the installer`);
  }
});
