// Makes this machine a host of an installation: Debian packages, the host agent, its configuration, its systemd unit.
// Plain JavaScript, run by the Node that lies beside it (npm run bundle:host) or by the machine's own. It may be run again.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { installDebianPackages } from './debian-packages.mjs';
import { unitText } from './isthmus-host-unit.mjs';
import { root, SetupError, script } from './repository.mjs';

const program = '/usr/lib/isthmus-host';
const config = '/etc/isthmus/host.json';
const token = '/etc/isthmus/join-token';
const unit = '/etc/systemd/system/isthmus-host.service';

const usage = `usage: ./node setup/isthmus-host-install.mjs --listen ADDRESS --join-file FILE [options]
  Makes this machine a host of an installation, as root. May be run again, also to bring a newer host agent.

  --listen ADDRESS[:PORT]   where the orchestrator reaches this host; port 8250 by default
  --join-file FILE          a file with the token that addHost handed out; it is removed
  --installation ID         instead of the token, of a host that has joined before
  --driver DRIVER           libvirt (default) or namespace
  --tunnel-address ADDRESS  this host's end of the tunnels to other hosts; default: the address of --listen
  --no-packages             leaves Debian packages alone
  --no-start                writes everything and starts nothing`;

const text = /** @type {const} */ ({ type: 'string' });
const flag = /** @type {const} */ ({ type: 'boolean', default: false });

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        ...{ installation: text, listen: text, 'join-file': text, driver: text, 'tunnel-address': text },
        ...{ 'no-packages': flag, 'no-start': flag, help: { ...flag, short: 'h' } },
      },
    });
    return values;
  } catch (error) {
    throw new SetupError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

/**
 * A value that must be there and look right.
 * @param {string} name
 * @param {string | undefined} value
 * @param {RegExp} pattern
 * @param {string} expected
 */
function checked(name, value, pattern, expected) {
  if (value !== undefined && pattern.test(value)) return value;
  throw new SetupError(`--${name} ${JSON.stringify(value ?? '')}: expected ${expected}\n${usage}`);
}

/**
 * The installation that a join token is for.
 * @param {string} path of a file with the token
 */
function installationOf(path) {
  if (!existsSync(path)) throw new SetupError(`--join-file ${path}: expected a file`);
  const [, installation] = /^isthmus-join\.([a-z0-9]{4})\.\S+\s*$/.exec(readFileSync(path, 'utf8')) ?? [];
  if (installation !== undefined) return installation;
  throw new SetupError(`--join-file ${path}: expected the token that addHost handed out, isthmus-join.…`);
}

/** The folder that npm run bundle:host made: this one, or the checkout's. */
function bundleFolder() {
  const found = [root, `${root}/dist/host`].find((folder) => existsSync(`${folder}/isthmus-host.mjs`));
  if (found === undefined) throw new SetupError('dist/host is not there. In the checkout: npm run bundle:host');
  return found;
}

/**
 * Replaces the host agent's folder as a whole. One that runs goes on with the old one.
 * @param {string} source
 */
function copyProgram(source) {
  const next = `${program}.new`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  for (const name of [
    'node',
    'isthmus-host.mjs',
    'console-proxy.mjs',
    'probe-main.ts',
    'listen-main.ts',
    'assets',
    'setup',
  ]) {
    cpSync(`${source}/${name}`, `${next}/${name}`, { recursive: true });
  }
  rmSync(program, { recursive: true, force: true });
  renameSync(next, program);
}

/**
 * Writes a file under another name first.
 * @param {string} path
 * @param {string} content
 * @param {number} mode
 */
function write(path, content, mode) {
  writeFileSync(`${path}.new`, content, { mode });
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

/** @param {readonly string[]} words */
function systemctl(words) {
  const { status, stderr } = spawnSync('systemctl', words, { encoding: 'utf8' });
  if (status !== 0) throw new SetupError(`systemctl ${words.join(' ')} failed:\n${stderr ?? ''}`);
}

await script(async () => {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const joinFile = options['join-file'];
  const named = options.installation ?? (joinFile === undefined ? undefined : installationOf(joinFile));
  if (named === undefined) throw new SetupError(`expected --join-file FILE, with the token of addHost\n${usage}`);
  const installation = checked(
    'installation',
    named,
    /^(?!if[0-9])[a-z][a-z0-9]{3}$/,
    'a letter and three letters or digits',
  );
  const listen = checked(
    'listen',
    options.listen,
    /^(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?$/,
    'an IPv4 address of this host',
  );
  const driver = checked('driver', options.driver ?? 'libvirt', /^(?:libvirt|namespace)$/, 'libvirt or namespace');
  const tunnel = options['tunnel-address'] ?? listen.replace(/:\d+$/, '');
  if (process.getuid?.() !== 0) throw new SetupError('only root can make this machine a host.');
  const source = bundleFolder();
  if (!options['no-packages']) await installDebianPackages(driver === 'libvirt' ? ['run', 'libvirt'] : ['run']);
  copyProgram(source);
  mkdirSync('/etc/isthmus', { recursive: true, mode: 0o755 });
  if (joinFile !== undefined) {
    cpSync(joinFile, `${token}.new`);
    chmodSync(`${token}.new`, 0o600);
    renameSync(`${token}.new`, token);
    rmSync(joinFile);
  }
  // The token's file stands there also when it is gone: then it has been read.
  const settings = { installation, driver, listen, 'tunnel-address': tunnel, 'join-file': token };
  write(config, `${JSON.stringify(settings, null, 2)}\n`, 0o644);
  mkdirSync('/etc/systemd/system', { recursive: true });
  write(unit, unitText({ program, config, driver }), 0o644);
  const runsSystemd = existsSync('/run/systemd/system');
  if (runsSystemd && !options['no-start']) {
    systemctl(['daemon-reload']);
    systemctl(['enable', 'isthmus-host.service']);
    systemctl(['restart', 'isthmus-host.service']);
    process.stdout.write('isthmus: the host agent runs; journalctl -u isthmus-host shows what it says.\n');
    return 0;
  }
  const why = runsSystemd ? '' : 'This machine does not run systemd. ';
  process.stdout.write(
    `isthmus: installed. ${why}To start it:\n  ${program}/node ${program}/isthmus-host.mjs --config ${config}\n`,
  );
  return 0;
});
