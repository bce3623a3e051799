// The orchestrator's own parts, started in their order and stopped in the reverse.
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Host, Log } from '@isthmus/host';
import { webFolder } from './api/console-assets.ts';
import { createApiServer, createIntegrationServer } from './api/server.ts';
import { commands } from './commands/registry.ts';
import { abandonJob, runJob } from './commands/run-job.ts';
import { readSetting } from './commands/settings.ts';
import { createIpmi } from './drivers/ipmi.ts';
import { dataFolder, foldersOf } from './installation.ts';
import type { Sealer } from './pki/sealer.ts';
import { startOrchestration } from './reconcile/index.ts';
import { noteConsoleOrigin } from './store/console-origin.ts';
import type { Db } from './store/database.ts';
import { DiagnosticsBundles } from './store/diagnostics-bundle.ts';
import { startGarbageCollection } from './store/garbage-collection.ts';
import { type ImageFolders, ImageStore, imageFolders } from './store/image.ts';
import { createJobQueue } from './store/job-queue.ts';
import { TemplateDisks } from './store/template-disk.ts';

export interface OrchestratorOptions {
  readonly host: Host;
  readonly log: Log;
  /** Migrated and seeded. */
  readonly db: Db;
  readonly databaseUrl: string;
  readonly installationId: string;
  /** Seals secrets of the database. */
  readonly sealer: Sealer;
  /** Default: as the environment says, else dist/images and var/image-keys of this checkout. */
  readonly images?: ImageFolders;
  /** Where the API listens; port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
}

/** A running orchestrator. */
export interface Orchestrator {
  /** URL of the API, with the port that it got. */
  readonly endpoint: string;
  /** Answers what it has begun, then stops. */
  stop(): Promise<void>;
}

/** Starts reconciliation, jobs and the API. */
export async function startOrchestrator(options: OrchestratorOptions): Promise<Orchestrator> {
  const { db, log, databaseUrl } = options;
  const holder = `${options.installationId}-${hostname()}`;
  const setting = (name: string) => readSetting(db, name);
  const { state } = foldersOf(dataFolder(process.env), options.installationId);
  const folders = options.images ?? imageFolders(process.env, fileURLToPath(new URL('..', import.meta.url)));
  const images = new ImageStore(db, folders);
  const templateDisks = new TemplateDisks({ db, log, commands: options.host.commands, folder: `${state}/templates` });
  const bundles = new DiagnosticsBundles(db, `${state}/diagnostics`);
  const orchestration = await startOrchestration({
    bundles,
    power: createIpmi(options.host.commands),
    images,
    templateDisks,
    db,
    databaseUrl,
    log,
    holder,
    setting,
    installation: options.installationId,
    sealer: options.sealer,
  });
  const jobs = { db, orchestration, commands, log };
  const queue = await createJobQueue({
    url: databaseUrl,
    log,
    run: (id) => runJob(jobs, id),
    abandon: (id) => abandonJob(jobs, id),
  });
  const garbage = startGarbageCollection({ db, log, holder, setting, bundles });
  const server = createApiServer({
    db,
    orchestration,
    commands,
    queue,
    log,
    bundles,
    web: webFolder(process.env, fileURLToPath(new URL('..', import.meta.url))),
    pushes: () => orchestration.pushes(),
  });
  const integration = createIntegrationServer({ db, orchestration, commands, queue, log });
  await server.listen(options.listen);
  const address = server.addresses()[0];
  if (address === undefined || typeof address === 'string') throw new Error('the API listens nowhere');
  const reachable = ['0.0.0.0', '::'].includes(options.listen.host) ? '127.0.0.1' : options.listen.host;
  const integrationPort = Number(await setting('integration.api.port'));
  if (integrationPort > 0) await integration.listen({ host: '127.0.0.1', port: integrationPort });
  const endpoint = `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${address.port}/client/api`;
  bundles.listensAt(endpoint);
  await noteConsoleOrigin(db, holder, new URL(endpoint).origin);
  return {
    endpoint,
    stop: async () => {
      await Promise.all([server.close(), integration.close()]);
      await garbage.stop();
      await queue.stop();
      await orchestration.stop();
    },
  };
}
