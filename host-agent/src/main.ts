// isthmus host: the host agent. In a checkout, `node host-agent/src/main.ts`; in a bundle, `isthmus-host.mjs`.
// Runs in the foreground and logs JSON lines to standard error: whoever starts it detaches it and names its log file.
import { readOptions, usage } from './options.ts';
import { runHostAgent } from './run.ts';

const end = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end.abort());
try {
  const options = await readOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(usage);
  else await runHostAgent(options, end.signal);
  process.exit(0);
} catch (error) {
  process.stderr.write(`isthmus host: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
