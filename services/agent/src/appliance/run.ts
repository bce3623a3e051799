// The program of an appliance: its command line, its log, its signals.
//
//   node [--snapshot-blob ROLE.blob] ROLE.mjs                        in a machine of its own
//   node ROLE.mjs --config-drive DIR --state DIR --run DIR           in a network namespace of its own: the config drive
//                                                                    is a folder with config.json and config.json.sha256
import { createWriteStream, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startupSnapshot } from 'node:v8';
import { agentPort, compileValidators } from '@isthmus/contract';
import { hostOf } from '@isthmus/host';
import { Appliance } from './appliance.ts';
import { BootStages } from './boot-stages.ts';
import { createConsoleLog } from './console-log.ts';
import { machinePlace, namespacePlace, type Place } from './place.ts';
import type { ApplianceRole } from './role.ts';

interface CommandLine {
  readonly place: Place;
  readonly paths: { readonly state: string; readonly run: string };
  /** The device on which people read what is announced. */
  readonly terminal: string;
}

function readCommandLine(words: readonly string[]): CommandLine {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      'config-drive': text,
      state: { ...text, default: '/var/lib/isthmus' },
      run: { ...text, default: '/run/isthmus' },
    },
  });
  const { 'config-drive': folder, state, run } = values;
  const paths = { state, run };
  if (folder === undefined) return { place: machinePlace, paths, terminal: '/dev/console' };
  return { place: namespacePlace(folder), paths, terminal: '/dev/null' };
}

/**
 * Runs an appliance until it is told to end, or has to start again; then this process ends. `version`: of the image. While
 * a start-up snapshot is taken (packer/src/tree/snapshot.ts) nothing runs: the process that begins from it does.
 */
export function startAppliance(role: ApplianceRole, version: string): void {
  const run = () => void runAppliance(role, version);
  if (startupSnapshot.isBuildingSnapshot()) {
    compileValidators();
    startupSnapshot.setDeserializeMainFunction(run);
  } else run();
}

async function runAppliance(role: ApplianceRole, version: string): Promise<void> {
  const [, program = '', ...words] = process.argv;
  const { place, paths, terminal: device } = readCommandLine(words);
  const terminal = createWriteStream(device, { flags: 'w' });
  // A console that nobody gave is no reason to end.
  terminal.on('error', () => {});
  const log = createConsoleLog({
    write: (line) => {
      writeSync(2, line);
    },
    console: (line) => {
      terminal.write(line);
    },
  });
  const host = { ...hostOf(log), log };
  const stages = await BootStages.begin(host.files, host.clock, version, `${paths.run}/boot-stages`);
  stages.end('node');
  const appliance = new Appliance({ role, host, place, paths, stages, port: agentPort, program, version });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void appliance.release().finally(() => process.exit(0)));
  }
  try {
    await appliance.run();
    log.announce('another config drive or an update came in: the agent starts again');
    await appliance.release();
    process.exit(0);
  } catch (error) {
    log.error('the agent cannot go on', { error });
    process.exitCode = 1;
    terminal.end(() => process.exit(1));
  }
}
