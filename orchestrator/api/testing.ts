// A whole API under test: a private PostgreSQL cluster of its own, the real server, real HTTP. Tests alone import this.
import { randomBytes } from 'node:crypto';
import { type ApiClient, createApiClient } from '@isthmus/api-client';
import type { Command } from '../commands/declaration.ts';
import type { Orchestration } from '../commands/orchestration.ts';
import { commands as allCommands } from '../commands/registry.ts';
import { abandonJob, runJob } from '../commands/run-job.ts';
import type { Db } from '../store/database.ts';
import { createJobQueue, type JobQueue } from '../store/job-queue.ts';
import { silentLog } from '../store/log.ts';
import { generateKey, hashPassword } from '../store/password.ts';
import { type AdminCredentials, seedIdentity } from '../store/seed.ts';
import { openTestDatabase, type TestDatabase } from '../store/testing.ts';
import { type ApiServer, createApiServer } from './server.ts';

/** An orchestration that does nothing and succeeds; `methods` replace what a test looks at. */
export function idleOrchestration(methods: Partial<Orchestration> = {}): Orchestration {
  const nothing = async () => {};
  return {
    settleRule: nothing,
    applyChanges: nothing,
    loadBalancerStatistics: async () => null,
    implementNetwork: nothing,
    restartNetwork: nothing,
    shutdownNetwork: nothing,
    deleteNetwork: nothing,
    startVirtualMachine: nothing,
    stopVirtualMachine: nothing,
    rebootVirtualMachine: nothing,
    destroyVirtualMachine: nothing,
    startRouter: nothing,
    stopRouter: nothing,
    rebootRouter: nothing,
    destroyRouter: nothing,
    plugNics: nothing,
    removeNic: nothing,
    settleNics: nothing,
    collectUsage: nothing,
    releasePublicIpAddress: nothing,
    newJoinToken: (hostId) => ({ token: `isthmus-join.test.${hostId}.${'x'.repeat(43)}`, sealedSecret: 'sealed' }),
    sealSecret: (text) => Buffer.from(`sealed ${text}`).toString('base64'),
    openSecret: (sealed) => Buffer.from(sealed, 'base64').toString().slice('sealed '.length),
    reconnectHost: nothing,
    emptyHost: nothing,
    removeHost: nothing,
    issuePowerAction: async () => 'On',
    changePowerPassword: nothing,
    migrateVirtualMachine: nothing,
    migrateRouter: nothing,
    patchRouter: async () => 'patched',
    checkRouterHealth: nothing,
    createConsoleEndpoint: async () => ({ refused: 'No console proxy runs in this zone' }),
    resumeConsole: async () => ({ state: 'refused', message: 'There is no such session' }),
    startSystemVm: nothing,
    stopSystemVm: nothing,
    rebootSystemVm: nothing,
    destroySystemVm: nothing,
    scaleSystemVm: nothing,
    migrateSystemVm: nothing,
    patchSystemVm: async () => 'patched',
    pushConsoleSettings: nothing,
    runDiagnostics: async () => ({ stdout: '', stderr: '', exitCode: 0 }),
    collectDiagnostics: async () => ({ url: 'http://127.0.0.1/diagnostics/none' }),
    inspectTemplateDisk: async () => ({ virtualBytes: 2 ** 30 }),
    importTemplate: () => {},
    deleteTemplate: nothing,
    probeHost: async () => ({ name: 'host', driver: 'namespace', cpus: 2, memoryBytes: 2 ** 32, version: '0.1.0' }),
    ...methods,
  };
}

/** The API of a test, with its admin. */
export interface TestApi extends TestDatabase {
  readonly server: ApiServer;
  readonly queue: JobQueue;
  readonly endpoint: string;
  readonly admin: ApiClient;
  readonly adminCredentials: AdminCredentials;
  /** Makes an account with one user in a domain (by default ROOT), and a client that signs with its keys. */
  account(name: string, options?: { type?: 0 | 1 | 2; domainId?: string }): Promise<TestAccount>;
}

export interface TestAccount {
  readonly client: ApiClient;
  readonly accountId: string;
  readonly userId: string;
  readonly username: string;
  readonly password: string;
  readonly apiKey: string;
  readonly secretKey: string;
}

export interface TestApiOptions {
  readonly orchestration?: Orchestration | ((db: Db) => Orchestration);
  readonly commands?: readonly Command[];
}

async function addAccount(api: { db: Db; endpoint: string }, name: string, type: 0 | 1 | 2, domainId?: string) {
  const password = randomBytes(9).toString('base64url');
  const root = await api.db.selectFrom('domain').select('id').where('path', '=', '/').executeTakeFirstOrThrow();
  const domain_id = domainId ?? root.id;
  const account = await api.db
    .insertInto('account')
    .values({ name, type, domain_id, network_domain: null })
    .returning('id')
    .executeTakeFirstOrThrow();
  const keys = { apiKey: generateKey(), secretKey: generateKey() };
  const user = await api.db
    .insertInto('cloud_user')
    .values({
      username: name,
      password_hash: await hashPassword(password),
      firstname: name,
      lastname: 'test',
      email: `${name}@example.org`,
      timezone: null,
      account_id: account.id,
      domain_id,
      api_key: keys.apiKey,
      secret_key: keys.secretKey,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const client = createApiClient({ endpoint: api.endpoint, ...keys });
  return { client, accountId: account.id, userId: user.id, username: name, password, ...keys };
}

/** Starts a cluster, the queue and the server on a free port of the loopback address. */
export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const database = await openTestDatabase();
  const { db, url } = database;
  const adminCredentials = await seedIdentity(db);
  if (adminCredentials === null) throw new Error('the database of a test is not empty');
  const commands = options.commands ?? allCommands;
  const { orchestration: given = idleOrchestration() } = options;
  const orchestration = typeof given === 'function' ? given(db) : given;
  const jobs = { db, orchestration, commands, log: silentLog };
  const queue = await createJobQueue({
    url,
    log: silentLog,
    run: (id) => runJob(jobs, id),
    abandon: (id) => abandonJob(jobs, id),
  });
  const server = createApiServer({ db, orchestration, commands, queue, log: silentLog });
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  const endpoint = `${address}/client/api`;
  return {
    ...database,
    server,
    queue,
    endpoint,
    adminCredentials,
    admin: createApiClient({ endpoint, ...adminCredentials }),
    account: (name, { type = 0, domainId } = {}) => addAccount({ db, endpoint }, name, type, domainId),
    close: async () => {
      await server.close();
      await queue.stop();
      await database.close();
    },
  };
}
