// What makes this checkout an installation: its id, its folders, its credentials.
import { randomInt } from 'node:crypto';
import { chmod, mkdir, rm, rmdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DriverName, isInstallationId } from '@isthmus/contract';
import type { Host } from '@isthmus/host';

/** var/installation.json. */
export interface Installation {
  /** Four characters, in the name of everything that the installation makes. */
  readonly id: string;
  /** First three numbers of the demo's public network, such as `198.18.7`. */
  readonly publicNetwork: string;
  /** Whether a demo is wanted, and whether it stands. */
  readonly demo: 'none' | 'wanted' | 'done';
  /** Of this machine's own host agent; absent: namespace. */
  readonly driver?: DriverName;
}

/** Where an installation keeps what. */
export interface Folders {
  /** Credentials and configuration. */
  readonly data: string;
  /** State of its daemons. */
  readonly state: string;
  /** Sockets and process ids. */
  readonly run: string;
}

/** ISTHMUS_DATA, or var/ of the checkout. */
export function dataFolder(env: NodeJS.ProcessEnv): string {
  return resolve(env.ISTHMUS_DATA ?? fileURLToPath(new URL('../var', import.meta.url)));
}

/** The folders of an installation. */
export function foldersOf(data: string, id: string): Folders {
  return { data, state: `/var/lib/isthmus/${id}`, run: `/run/isthmus/${id}` };
}

function randomId(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  const characters = `${letters}0123456789`;
  const pick = (from: string) => from[randomInt(from.length)] ?? 'a';
  return pick(letters) + pick(characters) + pick(characters) + pick(characters);
}

/** A /24 of 198.18.0.0/15 (RFC 2544: for tests, never routed) that no interface of this machine has. */
function freePublicNetwork(): string {
  const taken = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
  for (;;) {
    const network = `198.${18 + randomInt(2)}.${randomInt(256)}`;
    if (!taken.some((address) => address.startsWith(`${network}.`))) return network;
  }
}

function isInstallation(value: unknown): value is Installation {
  if (typeof value !== 'object' || value === null || !('id' in value) || !('publicNetwork' in value)) return false;
  return typeof value.id === 'string' && isInstallationId(value.id) && typeof value.publicNetwork === 'string';
}

const fileName = 'installation.json';

/** A value; undefined where the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Ids of the installations that have state on this machine, sorted. */
export async function installationIds(host: Host): Promise<string[]> {
  return (await host.files.list('/var/lib/isthmus')).filter(isInstallationId).sort();
}

/** Reads var/installation.json; null before the first start. Throws where the file is not one. */
export async function readInstallation(host: Host, data: string): Promise<Installation | null> {
  const text = await host.files.readTextIfExists(`${data}/${fileName}`);
  if (text === null) return null;
  const value = parseJson(text);
  if (isInstallation(value)) return value;
  const ids = await installationIds(host);
  throw new Error(
    `${data}/${fileName}: expected JSON with the id and publicNetwork of an installation. Restore the file, or remove ` +
      `it after npm run destroy -- --id ID; this machine has ${ids.length === 0 ? 'no installation' : ids.join(', ')}`,
  );
}

/** Writes var/installation.json. */
export async function writeInstallation(host: Host, data: string, installation: Installation): Promise<void> {
  await host.files.writeText(`${data}/${fileName}`, `${JSON.stringify(installation, null, 2)}\n`);
}

/** The installation of the data folder; a new one where there is none. */
export async function ensureInstallation(
  host: Host,
  data: string,
  { demo, driver }: { demo: boolean; driver: DriverName },
): Promise<Installation> {
  const known = await readInstallation(host, data);
  if (known !== null) return known;
  await mkdir(data, { recursive: true });
  let id = randomId();
  while (!isInstallationId(id) || (await host.files.exists(`/var/lib/isthmus/${id}`))) id = randomId();
  const made: Installation = { id, publicNetwork: freePublicNetwork(), demo: demo ? 'wanted' : 'none', driver };
  await writeInstallation(host, data, made);
  return made;
}

/** Notes with the state which driver made it, so that it can be removed when the data folder is lost. */
export async function writeDriver(host: Host, { state }: Folders, driver: DriverName): Promise<void> {
  await host.files.writeText(`${state}/driver`, `${driver}\n`);
}

/** What `writeDriver` noted; namespace where it noted nothing. */
export async function readDriver(host: Host, { state }: Folders): Promise<DriverName> {
  return (await host.files.readTextIfExists(`${state}/driver`))?.trim() === 'libvirt' ? 'libvirt' : 'namespace';
}

/** Makes the folders. Daemons that drop privileges pass through them, and read only what is theirs. */
export async function makeFolders(folders: Folders): Promise<void> {
  await mkdir(`${folders.data}/credentials`, { recursive: true, mode: 0o700 });
  await chmod(`${folders.data}/credentials`, 0o700);
  for (const folder of [folders.state, folders.run]) await mkdir(folder, { recursive: true, mode: 0o711 });
}

/**
 * Removes the folders. Of the data folder, which may be one that the user had before, only what the installation wrote:
 * its credentials and, last, the file that names it, so that what was interrupted can be repeated.
 */
export async function removeFolders({ data, state, run }: Omit<Folders, 'data'> & { data: string | null }) {
  for (const path of [run, state]) await rm(path, { recursive: true, force: true });
  if (data === null) return;
  for (const path of [`${data}/credentials`, `${data}/${fileName}`]) await rm(path, { recursive: true, force: true });
  try {
    await rmdir(data);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY')) throw error;
  }
}

/** Credentials as a file of var/credentials, for people and for the CLI. */
export interface CredentialsFile {
  readonly endpoint: string;
  readonly username: string;
  readonly password: string;
  readonly apiKey: string;
  readonly secretKey: string;
}

/** Writes var/credentials/NAME.json, for root's eyes. */
export async function writeCredentials(host: Host, data: string, name: string, credentials: CredentialsFile) {
  const text = `${JSON.stringify(credentials, null, 2)}\n`;
  await host.files.writeText(`${data}/credentials/${name}.json`, text, { mode: 0o600 });
}

function isCredentials(value: unknown): value is CredentialsFile {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return ['endpoint', 'username', 'password', 'apiKey', 'secretKey'].every(
    (key) => typeof fields.get(key) === 'string',
  );
}

/** Reads var/credentials/NAME.json; null where it is absent. Throws where the file is none. */
export async function readCredentials(host: Host, data: string, name: string): Promise<CredentialsFile | null> {
  const text = await host.files.readTextIfExists(`${data}/credentials/${name}.json`);
  if (text === null) return null;
  const value = parseJson(text);
  if (isCredentials(value)) return value;
  throw new Error(
    `${data}/credentials/${name}.json: expected JSON with endpoint, username, password, apiKey and secretKey. Restore ` +
      'the file, or remove it',
  );
}

/**
 * Claims the installation for this process: an abstract socket, which the kernel frees when the process ends. Null where
 * another orchestrator of it runs in this network namespace.
 */
export function claimInstallation(id: string): Promise<Server | null> {
  return new Promise((done, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') done(null);
      else reject(error);
    });
    server.listen(`\0isthmus-${id}-orchestrator`, () => done(server));
    server.unref();
  });
}

function pidPath({ run }: Folders): string {
  return `${run}/orchestrator.pid`;
}

/** Writes who runs the installation, for `endOrchestrator`. */
export async function writePid(host: Host, folders: Folders): Promise<void> {
  await host.files.writeText(pidPath(folders), `${process.pid}\n`);
}

const endsWithinMs = 30_000;

/**
 * Claims the installation for this process, and ends the orchestrator that has it. One that does not stop is killed.
 * Throws where what has the claim is not known to be an orchestrator.
 */
export async function claimFromOrchestrator(host: Host, id: string, folders: Folders): Promise<Server> {
  const kill = host.clock.monotonicMs() + endsWithinMs;
  for (let signalled = 0; ; ) {
    const claim = await claimInstallation(id);
    if (claim !== null) return claim;
    const pid = Number((await host.files.readTextIfExists(pidPath(folders))) ?? 'none');
    const words = ((await host.files.readTextIfExists(`/proc/${pid}/cmdline`)) ?? '').split('\0');
    const late = host.clock.monotonicMs() > kill;
    const isOrchestrator = words.includes('start') && words.some((word) => word.endsWith('orchestrator/main.ts'));
    if (!isOrchestrator || host.clock.monotonicMs() > kill + endsWithinMs) {
      throw new Error(`installation ${id}: its orchestrator runs, and process ${pid} is not it; stop it first`);
    }
    if (signalled !== pid || late) host.commands.signal(pid, late ? 'SIGKILL' : 'SIGTERM');
    signalled = pid;
    await host.clock.sleep(100);
  }
}
