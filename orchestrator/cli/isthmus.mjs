#!/usr/bin/env node
// Runs the CLI. It is TypeScript, which Node reads from version 24 on; `npx isthmus` brings it.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('isthmus: expected Node 24 or newer: run it as `npx isthmus` in the checkout\n');
  process.exit(2);
}
await import('./main.ts');
