// Rules about files that no linter states: their length, their licences, what a lock file may name.
import test from 'ava';
import { filesOf, textOf } from './repository-files.ts';

const lineLimit = 400;
/** How a longer file gives its reason, in its first lines. */
const reason = /over 400 lines because \S+/;
const linesForReason = 10;

/** Licences of packages that a production install brings; all permit use and distribution under Apache-2.0. */
const allowedLicences = new Set(['Apache-2.0', 'MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0']);

/** Licences of one package alone. noVNC: used unmodified; its licence and where its source is are served beside the bundle. */
const allowedOfOne = new Map([['node_modules/@novnc/novnc', 'MPL-2.0']]);

interface LockEntry extends PackageFile {
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly version?: string;
  readonly integrity?: string;
}

interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

interface PackageFile {
  readonly description?: string;
  readonly license?: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const isCode = (path: string) => /\.(?:ts|tsx|mjs|js|sh)$/.test(path) && !path.includes('/golden/');

async function parsed<T>(path: string): Promise<T> {
  return JSON.parse(await textOf(path)) as T;
}

test('a file of code has at most 400 lines, or says in its first lines why not', async (t) => {
  const paths = await filesOf(isCode);
  t.true(paths.length > 200, `only ${paths.length} files were read`);
  const tooLong: string[] = [];
  for (const path of paths) {
    const lines = (await textOf(path)).trimEnd().split('\n');
    const excused = reason.test(lines.slice(0, linesForReason).join('\n'));
    if (lines.length > lineLimit && !excused) tooLong.push(`${path}: ${lines.length} lines`);
  }
  t.deepEqual(tooLong, []);
});

test('no file of code switches a check off or leaves work for later', async (t) => {
  // Written in two parts, so that this file does not match itself.
  const switches = [
    '@ts-' + 'ignore',
    '@ts-' + 'nocheck',
    'biome-' + 'ignore',
    'eslint-' + 'disable',
    'TO' + 'DO',
    'FIX' + 'ME',
  ];
  const found: string[] = [];
  for (const path of await filesOf(isCode)) {
    const text = await textOf(path);
    found.push(...switches.filter((word) => text.includes(word)).map((word) => `${path}: ${word}`));
  }
  t.deepEqual(found, []);
});

test('no test is skipped, exclusive or expected to fail', async (t) => {
  for (const path of await filesOf((candidate) => candidate.endsWith('.test.ts'))) {
    t.notRegex(await textOf(path), /\btest(?:\.serial)?\.(?:skip|only|todo|failing)\b/, path);
  }
});

test('every package says what it is, under which licence, with exact versions', async (t) => {
  const paths = await filesOf((path) => path.endsWith('package.json'));
  t.true(paths.length >= 11);
  for (const path of paths) {
    const { description, license, dependencies, devDependencies } = await parsed<PackageFile>(path);
    t.true(description !== undefined && description.length > 20, `${path} has no description`);
    t.is(license, 'Apache-2.0', path);
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      t.regex(version, /^\d+\.\d+\.\d+$/, `${path}: ${name} is not pinned to one version`);
    }
  }
});

test('production dependencies have licences that permit ours', async (t) => {
  const { packages } = await parsed<LockFile>('package-lock.json');
  const production = Object.entries(packages).filter(
    ([path, entry]) => path.startsWith('node_modules/') && entry.dev !== true && entry.link !== true,
  );
  t.true(production.length > 20);
  for (const [path, { license }] of production) {
    const names = (license ?? 'none').replace(/[()]/g, '').split(/ OR /);
    t.true(
      names.some((name) => allowedLicences.has(name) || allowedOfOne.get(path) === name),
      `${path}: ${license}`,
    );
  }
});

test('the lock file says what the package files say, with a checksum for each package', async (t) => {
  const { packages } = await parsed<LockFile>('package-lock.json');
  for (const path of await filesOf((candidate) => candidate.endsWith('package.json'))) {
    const folder = path.replace(/\/?package\.json$/, '');
    const { dependencies, devDependencies } = await parsed<PackageFile>(path);
    const locked = packages[folder];
    t.deepEqual(
      { ...locked?.dependencies, ...locked?.devDependencies },
      { ...dependencies, ...devDependencies },
      `${path} and package-lock.json differ: run npm install`,
    );
  }
  for (const [path, { integrity, link, version }] of Object.entries(packages)) {
    if (!path.includes('node_modules/') || link === true) continue;
    t.true(integrity?.startsWith('sha512-') && version !== undefined, `${path} has no checksum or no version`);
  }
});

test('the lock file and the settings of npm name no host', async (t) => {
  const { packages } = await parsed<LockFile>('package-lock.json');
  for (const [path, { resolved }] of Object.entries(packages)) {
    t.false(resolved?.includes('://') ?? false, `${path} is resolved at ${resolved}`);
  }
  t.notRegex(await textOf('.npmrc'), /:\/\//);
});

test('the list of Debian packages is sorted and says what each is for', async (t) => {
  const groups = await parsed<Record<string, Record<string, string>>>('setup/debian-packages.json');
  // A package may stand in several: each group is installed without the others.
  t.deepEqual(Object.keys(groups), ['run', 'test', 'image', 'libvirt']);
  for (const [name, group] of Object.entries(groups)) {
    t.deepEqual(Object.keys(group), Object.keys(group).sort(), `group ${name} is not sorted`);
    for (const [debianPackage, purpose] of Object.entries(group)) t.true(purpose.length > 5, debianPackage);
  }
});
