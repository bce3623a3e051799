// node host-agent/src/main.ts --installation ID [--state DIR] [--run DIR]
// Runs in the foreground and logs JSON lines to standard error: whoever starts it detaches it and names its log file.
import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import { runHostAgent } from './run.ts';

function readOptions() {
  const { values } = parseArgs({
    options: { installation: { type: 'string' }, state: { type: 'string' }, run: { type: 'string' } },
  });
  const installation = values.installation ?? '';
  if (!/^[a-z][a-z0-9]{3}$/.test(installation)) {
    throw new Error(`--installation ${JSON.stringify(installation)}: expected a letter and three letters or digits`);
  }
  const { state = `/var/lib/isthmus/${installation}`, run = `/run/isthmus/${installation}` } = values;
  for (const [name, path] of Object.entries({ state, run })) {
    if (!isAbsolute(path)) throw new Error(`--${name} ${JSON.stringify(path)}: expected an absolute path`);
  }
  return { installation, state, run };
}

const end = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end.abort());
try {
  await runHostAgent(readOptions(), end.signal);
  process.exit(0);
} catch (error) {
  process.stderr.write(`isthmus host agent: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
