// npm run bench -- NAME [--quick] [--json]: install what is missing, then run one benchmark.
import { install } from './install.mjs';
import { pinnedNode, run, script } from './repository.mjs';

await script(async () => {
  await install(['run', 'test', 'image']);
  return await run(pinnedNode, ['test/bench/index.ts', ...process.argv.slice(2)]);
});
