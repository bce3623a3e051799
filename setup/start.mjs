// npm start: install what is missing, then serve in the foreground. Arguments (-- --empty) go to the orchestrator.
import { readArguments } from './arguments.mjs';
import { install } from './install.mjs';
import { runOrchestrator } from './orchestrator.mjs';
import { script } from './repository.mjs';

const usage = `usage: npm start [-- [--empty] [--renew-admin]]
  Installs what is missing, starts everything and serves until Ctrl-C. The first start makes a demo; --empty leaves it out.
  --renew-admin gives the root admin a new password and new keys, and ends the old ones.
  ISTHMUS_LISTEN=HOST:PORT (127.0.0.1:8080) and ISTHMUS_DATA=FOLDER (var/) say where; more is in docs/reference/settings.md.`;

await script(async () => {
  const args = readArguments(usage, ['--empty', '--renew-admin']);
  if (args === null) return 0;
  await install(['run']);
  return await runOrchestrator(['start', ...args]);
});
