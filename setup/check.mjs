// npm run check: types, style, promises, imports, unused code.
import { runChecks } from './checks.mjs';
import { installNpmPackages } from './npm-packages.mjs';
import { script } from './repository.mjs';

await script(async () => {
  await installNpmPackages();
  const { failed } = await runChecks();
  return failed.length === 0 ? 0 : 1;
});
