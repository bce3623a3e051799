// npm run image -- ROLE: install what is missing, then build an image. npm run image -- --help says how.
import { install } from './install.mjs';
import { pinnedNode, run, script } from './repository.mjs';

// Ctrl-C is the builder's to answer: it removes what is half made, and this script waits for it.
process.on('SIGINT', () => {});

await script(async () => {
  await install(['image']);
  return await run(pinnedNode, ['packer/src/main.ts', ...process.argv.slice(2)]);
});
