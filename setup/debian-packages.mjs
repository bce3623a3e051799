// Debian packages: which of debian-packages.json are missing, asking once, and apt-get with progress.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { root, SetupError } from './repository.mjs';

/** @typedef {'run' | 'test' | 'image' | 'libvirt'} Group what a package is needed for */

const lockWaitSeconds = 300;

/**
 * Installs the packages of these groups that are missing, all in one go. On a terminal it asks first.
 * @param {readonly Group[]} groups
 */
export async function installDebianPackages(groups) {
  const wanted = packagesOf(groups);
  const missing = missingOf(Object.keys(wanted));
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new SetupError(
      `this machine has no apt-get. Isthmus needs what these Debian packages hold: ${missing.join(', ')}.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(`Debian packages are missing and only root can install them. As root: ${command}`);
  }
  process.stdout.write('isthmus: these Debian packages are missing:\n');
  for (const name of missing) process.stdout.write(`  ${name.padEnd(18)} ${wanted[name] ?? ''}\n`);
  if (!(await agreed())) throw new SetupError(`not installed. To do it yourself: ${command}`);
  if (missing.includes('postgresql')) keepPostgresqlWithoutCluster();
  if (missing.includes('haproxy')) keepServiceFromStarting('haproxy');
  const update = await apt(['update']);
  const install = await apt(['install', '--yes', '--no-install-recommends', ...missing]);
  if (install.code !== 0) throw new SetupError(explain(install.output, update.output, command));
  const absent = missingOf(missing);
  if (absent.length > 0)
    throw new SetupError(`apt-get ended well, and yet these are not installed: ${absent.join(', ')}.`);
}

/**
 * The packages of the groups and what each is for.
 * @param {readonly Group[]} groups
 * @returns {Record<string, string>}
 */
function packagesOf(groups) {
  /** @type {Record<Group, Record<string, string>>} */
  const list = JSON.parse(readFileSync(`${root}/setup/debian-packages.json`, 'utf8'));
  return Object.assign({}, ...groups.map((group) => list[group]));
}

/**
 * Those that dpkg does not hold as installed; all of them on a machine without dpkg.
 * @param {readonly string[]} names
 */
function missingOf(names) {
  const answer = spawnSync('dpkg-query', ['--show', '--showformat', `\${Package} \${db:Status-Status}\\n`, ...names], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const lines = new Set((answer.stdout ?? '').split('\n'));
  return names.filter((name) => !lines.has(`${name} installed`));
}

/** Asks on a terminal; without one, or in CI, nobody can answer and the call itself is the consent. */
async function agreed() {
  if (!process.stdin.isTTY || !process.stdout.isTTY || process.env.CI) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question('Install them now? [Y/n] ');
    return /^(|y|yes)$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/**
 * Isthmus runs its own private cluster; the package would start a second one for the whole machine. Called only
 * where PostgreSQL is not installed yet, so that a machine's own clusters are never touched.
 */
function keepPostgresqlWithoutCluster() {
  const folder = '/etc/postgresql-common/createcluster.d';
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    `${folder}/isthmus.conf`,
    '# Written by Isthmus, which runs its own private cluster.\ncreate_main_cluster = false\n',
  );
}

/**
 * Routers start their own; the package would start and enable one for the whole machine. Called only where it is not
 * installed yet. A mask of systemd's that stands before the package comes is kept by it.
 * @param {string} name
 */
function keepServiceFromStarting(name) {
  const folder = '/etc/systemd/system';
  mkdirSync(folder, { recursive: true });
  if (!existsSync(`${folder}/${name}.service`)) symlinkSync('/dev/null', `${folder}/${name}.service`);
}

/**
 * Runs apt-get without questions and shows how far it is.
 * @param {readonly string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function apt(args) {
  const options = ['-o', 'APT::Status-Fd=3', '-o', `DPkg::Lock::Timeout=${lockWaitSeconds}`, '-o', 'Dpkg::Use-Pty=0'];
  const child = spawn('apt-get', [...options, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
  let output = '';
  for (const stream of [child.stdio[1], child.stdio[2]]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const show = progress(`apt-get ${args[0]}`);
  let rest = '';
  child.stdio[3]?.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) show(line);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
      resolve({ code: code ?? 1, output });
    });
  });
}

/**
 * Turns apt's status lines ("pmstatus:ipset:40.0:Unpacking ipset") into one line that changes on a terminal, and into
 * a line every quarter elsewhere.
 * @param {string} what
 */
function progress(what) {
  let quarter = -1;
  /** @param {string} line */
  return (line) => {
    const [kind, , percent, text] = line.split(':');
    if (kind !== 'dlstatus' && kind !== 'pmstatus') return;
    const done = Math.floor(Number(percent));
    const message = `isthmus: ${what} ${kind === 'dlstatus' ? 'fetching' : 'installing'} ${done} % ${text ?? ''}`;
    if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${message.slice(0, (process.stdout.columns ?? 80) - 1)}`);
    else if (Math.floor(done / 25) !== quarter) process.stdout.write(`${message}\n`);
    quarter = Math.floor(done / 25);
  };
}

/**
 * Says in a sentence why apt-get failed, and gives its own last words.
 * @param {string} output of the install
 * @param {string} updateOutput of the update before it
 * @param {string} command that the user could type
 */
function explain(output, updateOutput, command) {
  /** @param {string} text */
  const lastWords = (text) => text.trim().split('\n').slice(-8).join('\n  ');
  if (/Could not get lock|Unable to acquire the dpkg frontend lock/.test(output)) {
    return `another program held apt's lock for ${lockWaitSeconds} s. Wait for it to end and start again.\n  ${lastWords(output)}`;
  }
  if (/dpkg was interrupted|--configure -a/.test(output)) {
    return `an earlier installation on this machine was interrupted. Run "dpkg --configure -a", then start again.`;
  }
  if (/Unmet dependencies|held broken packages/.test(output)) {
    return `apt-get cannot satisfy the dependencies on this machine. "apt-get --fix-broken install" may help.\n  ${lastWords(output)}`;
  }
  if (/Unable to locate package|Unable to fetch|has no installation candidate/.test(output)) {
    return `apt-get found no source for a package. Its words at update:\n  ${lastWords(updateOutput)}\nand at install:\n  ${lastWords(output)}`;
  }
  return `apt-get failed. To try by hand: ${command}\n  ${lastWords(output)}`;
}
