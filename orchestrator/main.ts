// node orchestrator/main.ts start [--empty] | destroy
import { parseArgs } from 'node:util';
import { createHost, createLog } from '@isthmus/host';
import { destroyHost } from './host-agent-process.ts';
import { claimFromOrchestrator, dataFolder, foldersOf, readInstallation, removeFolders } from './installation.ts';
import { start } from './start.ts';
import { stopPostgresCluster } from './store/postgres-cluster.ts';

const usage = 'usage: node orchestrator/main.ts start [--empty] | destroy';

/** Removes everything that the installation of the data folder has made. */
async function destroy(data: string): Promise<void> {
  const host = createHost({ log: createLog({ level: 'warn' }) });
  const installation = await readInstallation(host, data);
  if (installation === null) {
    process.stdout.write(`${data} holds no installation: nothing to remove.\n`);
    return;
  }
  const folders = foldersOf(data, installation.id);
  // A running orchestrator would make again what is removed. Held to the end, so that none starts meanwhile.
  const claim = await claimFromOrchestrator(host, installation.id, folders);
  if (await host.files.exists(folders.state)) await destroyHost(host, installation.id, folders);
  const cluster = `${folders.state}/postgresql`;
  if (await host.files.exists(cluster)) await stopPostgresCluster(host, cluster);
  await removeFolders(folders);
  claim.close();
  process.stdout.write(`Installation ${installation.id} is removed.\n`);
}

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { empty: { type: 'boolean' } } });
  } catch (cause) {
    throw new Error(usage, { cause });
  }
}

async function main(): Promise<void> {
  const { positionals, values } = readArguments();
  const data = dataFolder(process.env);
  if (positionals[0] === 'start') await start(data, { demo: values.empty !== true, env: process.env });
  else if (positionals[0] === 'destroy') await destroy(data);
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
