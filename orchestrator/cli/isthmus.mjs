#!/usr/bin/env node
// Runs the CLI, or the host agent (isthmus host). It is TypeScript, which Node reads from version 24 on; `npx isthmus` brings it.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('isthmus: expected Node 24 or newer: run it as `npx isthmus` in the checkout\n');
  process.exit(2);
}
// The host agent is a program of its own, with words of its own (isthmus host --help): it takes this one's place.
if (process.argv[2] === 'host') {
  process.argv.splice(2, 1);
  await import('../../host-agent/src/main.ts');
} else {
  await import('./main.ts');
}
