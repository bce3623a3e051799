// npm start: install what is missing, then serve in the foreground. Arguments (-- --empty) go to the orchestrator.
import { install } from './install.mjs';
import { runOrchestrator } from './orchestrator.mjs';
import { script } from './repository.mjs';

await script(async () => {
  await install(['run']);
  return await runOrchestrator(['start', ...process.argv.slice(2)]);
});
