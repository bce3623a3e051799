// npm start: everything up in its order, the demo at the first time, then service until a signal.
import { createWriteStream } from 'node:fs';
import type { DriverName } from '@isthmus/contract';
import { createHost, createLog, type Host, type Log } from '@isthmus/host';
import { Listr } from 'listr2';
import { type DemoResult, runDemo } from './demo.ts';
import { carrierOf, keepHostAgent } from './host-agent-process.ts';
import {
  type CredentialsFile,
  claimInstallation,
  dataFolder,
  ensureInstallation,
  type Folders,
  foldersOf,
  type Installation,
  makeFolders,
  readCredentials,
  writeCredentials,
  writeDriver,
  writeInstallation,
  writePid,
} from './installation.ts';
import { type Orchestrator, startOrchestrator } from './orchestrator.ts';
import { openSealer } from './pki/master-key.ts';
import { ensureBuiltInRows } from './store/built-in.ts';
import { type Db, migrate, openDatabase } from './store/database.ts';
import { keepPostgresCluster } from './store/postgres-keeper.ts';
import { renewAdmin, seedIdentity } from './store/seed.ts';

export interface StartOptions {
  /** False: without the demo. */
  readonly demo: boolean;
  /** True: the root admin gets a new password and new keys; the old ones end. */
  readonly renewAdmin: boolean;
  /** Of this machine's host agent; undefined: as at the first start, which takes namespace. */
  readonly driver: DriverName | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** What has been started so far; stopped in the reverse order. */
interface Running {
  readonly host: Host;
  readonly log: Log;
  readonly folders: Folders;
  installation: Installation;
  databaseUrl: string;
  db: Db | null;
  orchestrator: Orchestrator | null;
  admin: CredentialsFile | null;
  demo: DemoResult | null;
  /** How routers and instances are carried here, in words. */
  carrier: string;
  readonly stops: (() => Promise<void>)[];
}

/** ISTHMUS_LISTEN: `HOST:PORT`, `:PORT` or `PORT`. */
export function listenAddress(text: string | undefined): { host: string; port: number } {
  const [, host = '', port = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text ?? '127.0.0.1:8080') ?? [];
  if (port === '' || Number(port) > 65535) {
    throw new Error(`ISTHMUS_LISTEN ${JSON.stringify(text)}: expected HOST:PORT, such as 127.0.0.1:8080`);
  }
  return { host: host === '' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** What to say of a failure to listen: which setting it is, and what to do. Other failures are themselves. */
function listenFault(cause: unknown, { host, port }: { host: string; port: number }): unknown {
  if (!(cause instanceof Error && 'code' in cause && 'port' in cause)) return cause;
  if (!['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES'].includes(String(cause.code))) return cause;
  if (cause.port !== port) {
    const reason = `integration.api.port ${String(cause.port)}: expected a port of 127.0.0.1 that nobody listens on`;
    return new Error(`${reason}; end who does`, { cause });
  }
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const expected = 'expected an address of this machine with a port that nobody listens on';
  const advice = 'choose another, such as ISTHMUS_LISTEN=127.0.0.1:8081 npm start';
  return new Error(`ISTHMUS_LISTEN ${address}: ${expected} (${String(cause.code)}); ${advice}`, { cause });
}

async function startDatabase(running: Running, env: NodeJS.ProcessEnv): Promise<void> {
  const { host, folders } = running;
  if (env.DATABASE_URL === undefined) {
    const cluster = await keepPostgresCluster(host, {
      dataDirectory: `${folders.state}/postgresql`,
      socketDirectory: `${folders.run}/postgresql`,
    });
    running.stops.push(() => cluster.stop());
    running.databaseUrl = cluster.url;
  } else {
    running.databaseUrl = env.DATABASE_URL;
  }
  const db = openDatabase(running.databaseUrl);
  running.stops.push(() => db.destroy());
  running.db = db;
  await migrate(db);
}

async function startHostAgent(running: Running): Promise<void> {
  const { host, installation, folders, stops } = running;
  const { id, driver = 'namespace' } = installation;
  await writeDriver(host, folders, driver);
  const kept = await keepHostAgent(host, { id, driver }, folders);
  stops.push(() => kept.stop());
  running.carrier = await carrierOf(folders);
}

/**
 * Credentials of the root admin: new with a new database, where they are to be renewed, and where their file was lost of
 * this machine's own database. Null where the database is another's: its admin has credentials, which are not here.
 */
async function adminCredentials({ host, folders }: Running, db: Db, options: StartOptions) {
  const seeded = await seedIdentity(db);
  if (seeded !== null) return seeded;
  const known = options.renewAdmin ? null : await readCredentials(host, folders.data, 'admin');
  if (known !== null) return known;
  if (!options.renewAdmin && options.env.DATABASE_URL !== undefined) return null;
  const renewed = await renewAdmin(db);
  if (renewed === null) throw new Error('user admin is gone from domain ROOT, and var/credentials/admin.json too');
  return renewed;
}

/** What every installation has from its first start. */
async function seedBuiltInRows(db: Db): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const admin = await trx
      .selectFrom('account')
      .select(['id', 'domain_id'])
      .where('type', '=', 1)
      .orderBy('created')
      .limit(1)
      .executeTakeFirstOrThrow();
    await ensureBuiltInRows(trx, { accountId: admin.id, domainId: admin.domain_id });
  });
}

async function startServices(running: Running, options: StartOptions): Promise<void> {
  const { host, log, db, databaseUrl, installation } = running;
  if (db === null) throw new Error('the database is not open');
  const credentials = await adminCredentials(running, db, options);
  await seedBuiltInRows(db);
  const listen = listenAddress(options.env.ISTHMUS_LISTEN);
  const installationId = installation.id;
  const path = `${running.folders.data}/credentials/master.key`;
  const sealer = await openSealer({ files: host.files, path, env: options.env });
  const orchestrator = await startOrchestrator({ host, log, db, databaseUrl, installationId, sealer, listen }).catch(
    (cause: unknown) => {
      throw listenFault(cause, listen);
    },
  );
  running.stops.push(() => orchestrator.stop());
  running.orchestrator = orchestrator;
  if (credentials === null) return;
  running.admin = { ...credentials, endpoint: orchestrator.endpoint };
  await writeCredentials(host, running.folders.data, 'admin', running.admin);
}

async function makeDemo(running: Running, report: (step: string) => void): Promise<void> {
  const { host, folders, installation, admin } = running;
  if (admin === null) throw new Error('the root admin has no credentials');
  running.demo = await runDemo({ host, folders, installation, admin, report });
  running.installation = { ...installation, demo: 'done' };
  await writeInstallation(host, folders.data, running.installation);
}

function runTasks(running: Running, options: StartOptions): Promise<unknown> {
  const { installation } = running;
  return new Listr(
    [
      { title: 'Database', task: () => startDatabase(running, options.env) },
      { title: 'Host agent', task: () => startHostAgent(running) },
      { title: 'Orchestrator', task: () => startServices(running, options) },
      {
        title: 'Demo',
        enabled: () => installation.demo !== 'none',
        skip: () => running.admin === null && 'without credentials of the root admin',
        task: (_context, task) =>
          makeDemo(running, (step) => {
            task.output = step;
          }),
      },
    ],
    { renderer: process.stdout.isTTY ? 'default' : 'verbose', registerSignalListeners: false },
  ).run();
}

function readyMessage({ orchestrator, folders, demo, installation, admin, carrier }: Running): string {
  const tried =
    demo === null
      ? []
      : [
          '',
          `The forwarded port ${demo.url} answered:`,
          ...demo.answer
            .trim()
            .split('\n')
            .slice(0, 6)
            .map((line) => `  ${line}`),
        ];
  const credentials =
    admin === null
      ? [
          '  credentials  none here: the root admin of this database has them already, and they were left as they are.',
          `               Copy credentials/admin.json of the orchestrator that has them to ${folders.data}/credentials/,`,
          '               or give the admin new ones, which ends the old: npm start -- --renew-admin',
        ]
      : [`  credentials  ${folders.data}/credentials/`];
  const cli = folders.data === dataFolder({}) ? 'npx isthmus' : `ISTHMUS_DATA=${folders.data} npx isthmus`;
  return [
    '',
    `Isthmus serves (installation ${installation.id}).`,
    `  API          ${orchestrator?.endpoint}`,
    ...credentials,
    `  routers      are ${carrier}`,
    `  logs         ${folders.state}/orchestrator.log and host-agent.log`,
    ...tried,
    '',
    'Try, in another terminal:',
    `  ${cli} list zones`,
    ...(demo === null
      ? []
      : [
          `  ${cli} --profile demo list portforwardingrules`,
          `  curl ${demo.url}`,
          `  ${cli} --profile demo create consoleendpoint virtualmachineid=${demo.instanceId}`,
        ]),
    ...(demo === null || demo.console === null
      ? []
      : ['', 'The console of demo-instance, once and within half a minute, in a browser:', `  ${demo.console}`]),
    '',
    'Ctrl-C stops the orchestrator; routers and instances go on. `npm run destroy` removes everything.',
    '',
  ].join('\n');
}

async function stopAll(running: Running): Promise<void> {
  for (const stop of running.stops.splice(0).reverse()) {
    try {
      await stop();
    } catch (error) {
      running.log.error('a part did not stop', { error });
    }
  }
}

/** Resolves at the first signal that ends the program, with its name. */
function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(signal));
  });
}

/** Starts the installation of the data folder, and serves until a signal. Throws what kept it from starting. */
export async function start(data: string, options: StartOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('expected to be started as root: network namespaces need it');
  listenAddress(options.env.ISTHMUS_LISTEN);
  const { demo, driver = 'namespace' } = options;
  const installation = await ensureInstallation(createHost(), data, { demo, driver });
  if (!options.demo && installation.demo !== 'none') {
    process.stdout.write('--empty counts at the first start: this installation was begun with the demo.\n');
  }
  if (options.driver !== undefined && options.driver !== (installation.driver ?? 'namespace')) {
    throw new Error(
      `--driver ${options.driver}: this installation was begun with ${installation.driver ?? 'namespace'}. Remove it ` +
        'first (npm run destroy), or begin another: ISTHMUS_DATA=FOLDER npm start',
    );
  }
  const folders = foldersOf(data, installation.id);
  await makeFolders(folders);
  const claim = await claimInstallation(installation.id);
  if (claim === null) {
    throw new Error(`installation ${installation.id}: its orchestrator runs already, in another terminal`);
  }
  await writePid(createHost(), folders);
  const log = createLog({
    destination: createWriteStream(`${folders.state}/orchestrator.log`, { flags: 'a', mode: 0o640 }),
  });
  const running: Running = {
    host: createHost({ log }),
    log,
    folders,
    installation,
    databaseUrl: '',
    db: null,
    orchestrator: null,
    admin: null,
    demo: null,
    carrier: '',
    stops: [],
  };
  const signalled = untilSignal();
  try {
    await Promise.race([runTasks(running, options), signalled]);
    if (running.orchestrator !== null) process.stdout.write(readyMessage(running));
    // At the others nobody may be there to read: writing to a terminal that is gone would fail.
    if ((await signalled) === 'SIGINT') {
      process.stdout.write('\nStopping. Routers and instances go on; npm start takes them up again.\n');
    }
  } catch (cause) {
    // What a tenant is told leaves the reason out; the log has it.
    throw new Error(`the start has failed; more is in ${folders.state}/orchestrator.log and host-agent.log`, { cause });
  } finally {
    await stopAll(running);
    claim.close();
  }
}
