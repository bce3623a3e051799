// npm start: install what is missing, then serve in the foreground. Arguments (-- --empty) go to the orchestrator.
import { readArguments } from './arguments.mjs';
import { driverOf } from './driver.mjs';
import { ensureImages } from './images.mjs';
import { install } from './install.mjs';
import { runOrchestrator } from './orchestrator.mjs';
import { script } from './repository.mjs';

const usage = `usage: npm start [-- [--empty] [--renew-admin] [--driver namespace|libvirt]]
  Installs what is missing, starts everything and serves until Ctrl-C. The first start makes a demo; --empty leaves it out.
  --driver libvirt makes routers and instances virtual machines (it counts at the first start, as --empty does); images of
  them are built where there are none of these sources. Without it they are network namespaces.
  --renew-admin gives the root admin a new password and new keys, and ends the old ones.
  ISTHMUS_LISTEN=HOST:PORT (127.0.0.1:8080) and ISTHMUS_DATA=FOLDER (var/) say where; more is in docs/reference/settings.md.`;

await script(async () => {
  const args = readArguments(usage, ['--empty', '--renew-admin'], ['--driver']);
  if (args === null) return 0;
  const isLibvirt = driverOf(args) === 'libvirt';
  await install(isLibvirt ? ['run', 'libvirt', 'image'] : ['run']);
  if (isLibvirt) await ensureImages(['router', 'console-proxy', 'guest']);
  return await runOrchestrator(['start', ...args]);
});
