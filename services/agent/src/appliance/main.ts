// The agent of a router in a VM; bundled to one file and run by Node as root: node router.mjs
import { createWriteStream, writeSync } from 'node:fs';
import { agentPort } from '@isthmus/contract';
import { hostOf } from '@isthmus/host';
import packageJson from '../../package.json' with { type: 'json' };
import { Appliance } from './appliance.ts';
import { BootStages } from './boot-stages.ts';
import { createConsoleLog } from './console-log.ts';

const paths = { state: '/var/lib/isthmus', run: '/run/isthmus' };

const terminal = createWriteStream('/dev/console', { flags: 'w' });
// A console that nobody gave is no reason to end.
terminal.on('error', () => {});
const log = createConsoleLog({
  write: (line) => {
    writeSync(2, line);
  },
  console: (line) => {
    terminal.write(line);
  },
});

const host = { ...hostOf(log), log };
const stages = await BootStages.begin(host.files, host.clock, packageJson.version, `${paths.run}/boot-stages`);
stages.end('node');
const [, program = ''] = process.argv;
const { version } = packageJson;
const appliance = new Appliance({ host, paths, stages, port: agentPort, program, version });
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void appliance.release().finally(() => process.exit(0)));
}
try {
  await appliance.run();
  log.announce('another config drive or an update came in: the agent starts again');
  await appliance.release();
  process.exit(0);
} catch (error) {
  log.error('the agent cannot go on', { error });
  process.exitCode = 1;
  terminal.end(() => process.exit(1));
}
