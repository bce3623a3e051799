// node orchestrator/main.ts start [--empty] [--renew-admin] [--driver namespace|libvirt] | destroy [--id ID]
import { parseArgs } from 'node:util';
import { type DriverName, isInstallationId } from '@isthmus/contract';
import { createHost, createLog, type Host } from '@isthmus/host';
import { destroyHost } from './host-agent-process.ts';
import {
  claimFromOrchestrator,
  dataFolder,
  foldersOf,
  installationIds,
  readDriver,
  readInstallation,
  removeFolders,
} from './installation.ts';
import { start } from './start.ts';
import { stopPostgresCluster } from './store/postgres-cluster.ts';

const usage =
  'usage: node orchestrator/main.ts start [--empty] [--renew-admin] [--driver namespace|libvirt] | destroy [--id ID]';

/** What to say where there is nothing to remove: the installations that there are. */
async function nothingToRemove(host: Host, what: string): Promise<string> {
  const ids = await installationIds(host);
  const first = ids[0];
  if (first === undefined) return `${what}: nothing to remove.\n`;
  return `${what}: nothing to remove. This machine has ${ids.join(', ')}: npm run destroy -- --id ${first} removes one.\n`;
}

/** Removes everything that the installation `id` has made; by default that of the data folder. */
async function destroy(data: string, id: string | undefined): Promise<void> {
  const host = createHost({ log: createLog({ level: 'warn' }) });
  if (id !== undefined && !isInstallationId(id)) {
    throw new Error(`--id ${JSON.stringify(id)}: expected four characters, a letter first, such as ab12`);
  }
  if (id === undefined) {
    const known = await readInstallation(host, data);
    if (known !== null) await removeInstallation(host, known.id, data);
    else process.stdout.write(await nothingToRemove(host, `${data} holds no installation`));
    return;
  }
  const { state, run } = foldersOf(data, id);
  // A file that cannot be read names no installation, and may be why the id is given.
  const known = await readInstallation(host, data).catch(() => null);
  const exists = known?.id === id || (await host.files.exists(state)) || (await host.files.exists(run));
  if (exists) await removeInstallation(host, id, known?.id === id ? data : null);
  else process.stdout.write(await nothingToRemove(host, `This machine has no installation ${id}`));
}

/** `data` is null where its data folder is gone, or not known. */
async function removeInstallation(host: Host, id: string, data: string | null): Promise<void> {
  const folders = foldersOf(data ?? '', id);
  // A running orchestrator would make again what is removed. Held to the end, so that none starts meanwhile.
  const claim = await claimFromOrchestrator(host, id, folders);
  if (await host.files.exists(folders.state)) {
    await destroyHost(host, { id, driver: await readDriver(host, folders) }, folders);
  }
  const cluster = `${folders.state}/postgresql`;
  if (await host.files.exists(cluster)) await stopPostgresCluster(host, cluster);
  await removeFolders({ ...folders, data });
  claim.close();
  process.stdout.write(`Installation ${id} is removed.\n`);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        empty: { type: 'boolean' },
        'renew-admin': { type: 'boolean' },
        driver: { type: 'string' },
        id: { type: 'string' },
      },
    });
  } catch (cause) {
    throw new Error(usage, { cause });
  }
}

function driverOf(name: string | undefined): DriverName | undefined {
  if (name === undefined || name === 'namespace' || name === 'libvirt') return name;
  throw new Error(`--driver ${JSON.stringify(name)}: expected namespace or libvirt`);
}

async function main(): Promise<void> {
  const { positionals, values } = readArguments();
  const data = dataFolder(process.env);
  if (positionals[0] === 'start') {
    const renewAdmin = values['renew-admin'] === true;
    await start(data, { demo: values.empty !== true, renewAdmin, driver: driverOf(values.driver), env: process.env });
  } else if (positionals[0] === 'destroy') await destroy(data, values.id);
  else throw new Error(usage);
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? `\n  caused by: ${error.cause.message}` : '';
  process.stderr.write(`isthmus: ${error instanceof Error ? error.message : String(error)}${cause}\n`);
  process.exit(1);
}
