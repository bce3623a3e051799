// npm run destroy: remove every namespace, bridge, process and file that this installation made.
import { readArguments } from './arguments.mjs';
import { install } from './install.mjs';
import { runOrchestrator } from './orchestrator.mjs';
import { script } from './repository.mjs';

const usage = `usage: npm run destroy [-- --id ID]
  Stops this installation and removes every namespace, bridge, process and file that it made, without asking.
  ISTHMUS_DATA=FOLDER (var/) says which installation; --id does so where that folder is gone.`;

await script(async () => {
  const args = readArguments(usage, [], ['--id']);
  if (args === null) return 0;
  await install(['run']);
  return await runOrchestrator(['destroy', ...args]);
});
