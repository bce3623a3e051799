// The reference pages say what the code says. `npm run reference` writes them anew.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commands } from '@isthmus/orchestrator/commands/registry';
import { settings } from '@isthmus/orchestrator/commands/settings';
import test from 'ava';
import { apiPage, settingsPage } from './reference-pages.ts';
import { root, textOf } from './repository-files.ts';

const pages = {
  'docs/reference/api.md': () => apiPage(commands),
  'docs/reference/settings.md': () => settingsPage(settings),
};

for (const [path, page] of Object.entries(pages)) {
  test(`${path} is what the code says`, async (t) => {
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(join(root, path), page());
    t.is(await textOf(path), page(), `npm run reference writes ${path} anew`);
  });
}

test('every command and every parameter is described, and no command has a name of another', (t) => {
  const names = commands.map(({ name }) => name);
  t.is(new Set(names).size, names.length);
  for (const { name, description, parameters, roles } of commands) {
    t.true(description.length > 8, name);
    t.true(roles.length > 0, name);
    for (const [parameter, { description: text }] of Object.entries(parameters)) {
      t.true(text.length > 2, `${name}: ${parameter}`);
    }
  }
});
