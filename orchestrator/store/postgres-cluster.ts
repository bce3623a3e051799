// A PostgreSQL cluster of the installation's own: Debian's binaries, a Unix socket and nothing else.
import { chown, mkdir, readdir, stat } from 'node:fs/promises';
import { CommandError, type Host } from '@isthmus/host';
import pg from 'pg';

export interface ClusterOptions {
  /** Made where it is absent; belongs to user postgres. */
  readonly dataDirectory: string;
  /** Directory of the socket; its path has at most 90 bytes. */
  readonly socketDirectory: string;
  /** False: without fsync, for tests. Default true. */
  readonly durable?: boolean;
}

/** A running cluster. */
export interface PostgresCluster {
  /** For openDatabase and pg-boss. */
  readonly url: string;
  /** Ends connections, writes a checkpoint, stops. The cluster may be started again. */
  stop(): Promise<void>;
}

const user = 'postgres';
const database = 'isthmus';
const binariesRoot = '/usr/lib/postgresql';
const oldestVersion = 15;

async function binaries(host: Host): Promise<string> {
  const versions = (await host.files.list(binariesRoot)).map(Number).filter((version) => version >= oldestVersion);
  const newest = versions.sort((left, right) => right - left)[0];
  if (newest === undefined) {
    throw new Error(`${binariesRoot}: expected PostgreSQL ${oldestVersion} or newer (apt-get install postgresql)`);
  }
  return `${binariesRoot}/${newest}/bin`;
}

/** The numeric ids of user postgres. */
async function postgresIds(host: Host): Promise<{ uid: number; gid: number }> {
  const lines = (await host.files.readText('/etc/passwd')).split('\n').map((line) => line.split(':'));
  const found = lines.find(([name]) => name === user);
  if (found === undefined) throw new Error('/etc/passwd: expected user postgres (apt-get install postgresql)');
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

function configuration(options: ClusterOptions): string {
  const settings = {
    listen_addresses: "''",
    unix_socket_directories: `'${options.socketDirectory}'`,
    unix_socket_permissions: '0700',
    max_connections: '100',
    shared_buffers: '128MB',
    max_wal_size: '512MB',
    timezone: "'UTC'",
    log_timezone: "'UTC'",
    // Queries of a few rows: compiling one costs more than running it.
    jit: 'off',
    log_min_messages: 'warning',
    // A statement is logged without the values of its parameters, which may be secrets.
    log_parameter_max_length_on_error: '0',
    ...(options.durable === false ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('');
}

// Only root and postgres come in, and the kernel says who they are.
const hostBasedAuthentication = 'local all all peer map=isthmus\n';
const identities = 'isthmus root postgres\nisthmus postgres postgres\n';

async function initialise(host: Host, bin: string, options: ClusterOptions): Promise<void> {
  const { dataDirectory } = options;
  // A crash in the middle leaves a directory that initdb refuses: PG_VERSION is there from the start, so the marker is
  // a file that is written last.
  if (await host.files.exists(`${dataDirectory}/isthmus.ready`)) return;
  await host.files.remove(dataDirectory);
  await ownDirectory(host, dataDirectory);
  const sync = options.durable === false ? ['--no-sync'] : [];
  const args = ['-D', dataDirectory, '-U', user, '-E', 'UTF8', '--locale=C.UTF-8', '--auth=peer', ...sync];
  await host.commands.run(`${bin}/initdb`, args, { user, cwd: '/', timeoutMs: 120_000 });
  await host.files.appendText(`${dataDirectory}/postgresql.conf`, "include = 'isthmus.conf'\n");
  await host.files.writeText(`${dataDirectory}/pg_hba.conf`, hostBasedAuthentication);
  await host.files.writeText(`${dataDirectory}/pg_ident.conf`, identities);
  await host.files.writeText(`${dataDirectory}/isthmus.ready`, '');
}

async function ownDirectory(host: Host, path: string): Promise<void> {
  const { uid, gid } = await postgresIds(host);
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chown(path, uid, gid);
}

async function isRunning(host: Host, bin: string, dataDirectory: string): Promise<boolean> {
  const args = ['-D', dataDirectory, 'status'];
  const { exitCode } = await host.commands.run(`${bin}/pg_ctl`, args, { user, cwd: '/', okCodes: [0, 3, 4] });
  if (exitCode !== 0) return false;
  if (await hasProcess(dataDirectory)) return true;
  // After a crash and a reboot another process has the number that postmaster.pid tells: pg_ctl would take it for the
  // server, and stop it.
  host.log.warn('postmaster.pid names a process that is none of PostgreSQL here; removing it', { dataDirectory });
  await host.files.remove(`${dataDirectory}/postmaster.pid`);
  return false;
}

/**
 * True where a process works in the data directory, as the server and each of its children do. Compared as files, since
 * the path of a process in another mount namespace may read otherwise.
 */
async function hasProcess(dataDirectory: string): Promise<boolean> {
  const { dev, ino } = await stat(dataDirectory);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const folders = await Promise.all(pids.map((pid) => stat(`/proc/${pid}/cwd`).catch(() => null)));
  return folders.some((folder) => folder?.dev === dev && folder.ino === ino);
}

async function start(host: Host, bin: string, dataDirectory: string): Promise<void> {
  const args = ['-D', dataDirectory, '-w', '-t', '60', '-l', `${dataDirectory}/server.log`, 'start'];
  // After kill -9 of the postmaster its backends take a moment to go, and hold the shared memory until then.
  for (let attempt = 1; ; attempt += 1) {
    try {
      await host.commands.run(`${bin}/pg_ctl`, args, { user, cwd: '/', timeoutMs: 90_000 });
      return;
    } catch (error) {
      if (!(error instanceof CommandError) || attempt === 20) throw await explained(host, dataDirectory, error);
      await host.clock.sleep(250);
    }
  }
}

async function explained(host: Host, dataDirectory: string, cause: unknown): Promise<Error> {
  const log = (await host.files.readTextIfExists(`${dataDirectory}/server.log`)) ?? '';
  return new Error(`PostgreSQL in ${dataDirectory} does not start:\n${log.split('\n').slice(-8).join('\n')}`, {
    cause,
  });
}

function urlOf(socketDirectory: string, name: string): string {
  return `postgresql://${user}@localhost/${name}?host=${encodeURIComponent(socketDirectory)}`;
}

async function ensureDatabase(socketDirectory: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(socketDirectory, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${database}`);
  } finally {
    await client.end();
  }
}

/** True once the cluster takes connections; false where it turns out not to run: one that was just killed. */
async function adopt(host: Host, bin: string, { dataDirectory, socketDirectory }: ClusterOptions): Promise<boolean> {
  for (let attempt = 1; await isRunning(host, bin, dataDirectory); attempt += 1) {
    try {
      await ensureDatabase(socketDirectory);
      return true;
    } catch (error) {
      if (attempt === 100) throw await explained(host, dataDirectory, error);
      await host.clock.sleep(100);
    }
  }
  return false;
}

/** Starts the cluster, or adopts it where it still runs after a crash of the orchestrator. Needs root. */
export async function startPostgresCluster(host: Host, options: ClusterOptions): Promise<PostgresCluster> {
  const { dataDirectory, socketDirectory } = options;
  const bin = await binaries(host);
  if (!(await adopt(host, bin, options))) {
    await initialise(host, bin, options);
    await host.files.writeText(`${dataDirectory}/isthmus.conf`, configuration(options));
    await ownDirectory(host, socketDirectory);
    await start(host, bin, dataDirectory);
    await ensureDatabase(socketDirectory);
  }
  return {
    url: urlOf(socketDirectory, database),
    stop: () => stopPostgresCluster(host, dataDirectory),
  };
}

/** Stops the cluster of a data directory; nothing where it does not run. */
export async function stopPostgresCluster(host: Host, dataDirectory: string): Promise<void> {
  const bin = await binaries(host);
  if (!(await isRunning(host, bin, dataDirectory))) return;
  const args = ['-D', dataDirectory, '-m', 'fast', '-w', '-t', '30', 'stop'];
  await host.commands.run(`${bin}/pg_ctl`, args, { user, cwd: '/', timeoutMs: 60_000 });
}
