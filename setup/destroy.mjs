// npm run destroy: remove every namespace, bridge, process and file that this installation made.
import { install } from './install.mjs';
import { runOrchestrator } from './orchestrator.mjs';
import { script } from './repository.mjs';

await script(async () => {
  await install(['run']);
  return await runOrchestrator(['destroy', ...process.argv.slice(2)]);
});
