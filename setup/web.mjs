// The pages that browsers are served, in dist/web: bundled where their sources are others than those they were made of.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { root, run, SetupError } from './repository.mjs';

const sources = 'orchestrator/web/console';
const folder = `${root}/dist/web/console`;
/** Two may build at once: each in a folder of its own. */
const scratch = `${folder}-${process.pid}`;
/** Packages whose code is in the bundle, and what of them says under which licence. */
const bundled = /** @type {const} */ ([
  ['@novnc/novnc', ['LICENSE.txt', 'AUTHORS', 'vendor/pako/LICENSE']],
  ['@xterm/xterm', ['LICENSE']],
  ['@xterm/addon-fit', ['LICENSE']],
]);

/** What the page is made of, as one digest. */
function digestOfSources() {
  const hash = createHash('sha256');
  const versions = bundled.map(([name]) => `${root}/node_modules/${name}/package.json`);
  const files = readdirSync(`${root}/${sources}`)
    .filter((name) => !name.endsWith('.test.ts'))
    .sort()
    .map((name) => `${root}/${sources}/${name}`);
  for (const path of [...files, ...versions, `${root}/setup/web.mjs`]) hash.update(path).update(readFileSync(path));
  return hash.digest('hex');
}

/** Whether dist/web is of these sources. @param {string} digest */
function isBuilt(digest) {
  if (!existsSync(`${folder}/manifest.json`)) return false;
  return JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8')).sources === digest;
}

/** The licences of what others wrote, and where its source is. */
function notices() {
  const parts = bundled.map(([name, files]) => {
    const at = `${root}/node_modules/${name}`;
    const { version, license, repository } = JSON.parse(readFileSync(`${at}/package.json`, 'utf8'));
    const where = typeof repository === 'string' ? repository : repository.url;
    const texts = files.map((file) => readFileSync(`${at}/${file}`, 'utf8').trim());
    return `${name} ${version}, unmodified. Licence: ${license}. Source: ${where}\n\n${texts.join('\n\n')}\n`;
  });
  return `The page of a console contains these works of others.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

/** @param {string} name @param {string | Buffer} content */
function writeCompressed(name, content) {
  const bytes = Buffer.from(content);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  for (const [ending, data] of /** @type {const} */ ([
    ['', bytes],
    ['.br', brotliCompressSync(bytes, quality)],
    ['.gz', gzipSync(bytes, { level: 9 })],
  ])) {
    writeFileSync(`${scratch}/${name}${ending}`, data);
  }
}

/** @param {string} digest */
async function build(digest) {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const entry = `${sources}/main.ts`;
  const how = ['--bundle', '--splitting', '--minify', '--format=esm', '--platform=browser', '--target=es2022'];
  const names = ['--entry-names=[name]-[hash]', '--chunk-names=[name]-[hash]', '--log-level=warning'];
  const words = [entry, `--outdir=${scratch}`, `--metafile=${scratch}/meta.json`, ...how, ...names];
  const code = await run(`${root}/node_modules/.bin/esbuild`, words);
  if (code !== 0) throw new SetupError(`${entry} does not bundle.`);
  /** @type {{ outputs: Record<string, { entryPoint?: string, cssBundle?: string }> }} */
  const { outputs } = JSON.parse(readFileSync(`${scratch}/meta.json`, 'utf8'));
  rmSync(`${scratch}/meta.json`);
  const [script, main] = Object.entries(outputs).find(([, output]) => output.entryPoint === entry) ?? [];
  if (script === undefined || main?.cssBundle === undefined) throw new SetupError(`${entry} gave no page.`);
  const files = Object.keys(outputs).map((path) => basename(path));
  for (const name of files) writeCompressed(name, readFileSync(`${scratch}/${name}`));
  const text = notices();
  const licences = `notices-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.txt`;
  writeCompressed(licences, text);
  const manifest = {
    sources: digest,
    script: basename(script),
    style: basename(main.cssBundle),
    notices: licences,
    files: [...files, licences],
  };
  writeFileSync(`${scratch}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(scratch, folder);
}

/** Bundles the pages where they are absent or of other sources. */
export async function ensureWeb() {
  const digest = digestOfSources();
  if (!isBuilt(digest)) await build(digest);
}
