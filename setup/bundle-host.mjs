// npm run bundle:host: everything that a host needs, in dist/host: one file each of the host agent and of
// console proxies, the pinned Node, and the script that installs them. The folder is copied to the host as it is; nothing else is needed there.
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { pinnedNode, root, run, SetupError, script } from './repository.mjs';

const folder = `${root}/dist/host`;
/** `require`, which CommonJS packages in an ES module ask for. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
const scripts = [
  'arguments.mjs',
  'debian-packages.json',
  'debian-packages.mjs',
  'isthmus-host-install.mjs',
  'isthmus-host-unit.mjs',
  'repository.mjs',
];

/**
 * Bundles a program and all that it imports into one file.
 * @param {string} entry
 * @param {string} output
 */
async function bundle(entry, output) {
  const how = ['--bundle', '--platform=node', '--target=node24', '--format=esm', '--legal-comments=eof'];
  const words = [entry, `--outfile=${output}`, ...how, '--log-level=warning', `--banner:js=${banner}`];
  const code = await run(`${root}/node_modules/.bin/esbuild`, words);
  if (code !== 0) throw new SetupError(`${entry} does not bundle.`);
}

await script(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(`${folder}/setup`, { recursive: true });
  await bundle('host-agent/src/main.ts', `${folder}/isthmus-host.mjs`);
  // Programs and scripts that the host agent starts by their names beside it.
  await bundle('services/router/src/dnsmasq/probe-main.ts', `${folder}/probe-main.ts`);
  await bundle('packages/host/src/listen-main.ts', `${folder}/listen-main.ts`);
  await bundle('services/console-proxy/src/main.ts', `${folder}/console-proxy.mjs`);
  cpSync(`${root}/host-agent/assets`, `${folder}/assets`, { recursive: true });
  for (const name of scripts) copyFileSync(`${root}/setup/${name}`, `${folder}/setup/${name}`);
  copyFileSync(pinnedNode, `${folder}/node`);
  chmodSync(`${folder}/node`, 0o755);
  process.stdout.write(
    `isthmus: dist/host is ready. Copy it to the host, and there, as root:\n  ./node setup/isthmus-host-install.mjs --help\n`,
  );
  return 0;
});
