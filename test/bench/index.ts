// npm run bench -- NAME [--quick] [--json]: measures, writes bench/results/NAME.json and prints a table, or with --json
// that file's text. Exit code 0: measured; 2: wrong arguments; 3: this machine cannot run the benchmark.
import { parseArgs } from 'node:util';
import { api } from './api.ts';
import { apply } from './apply.ts';
import { boot } from './boot.ts';
import { consoles } from './console.ts';
import { datapath } from './datapath.ts';
import { dhcp } from './dhcp.ts';
import { image } from './image.ts';
import { closeAtSignals } from './interrupt.ts';
import { lb } from './lb.ts';
import { requireMachine } from './machine.ts';
import { metadata } from './metadata.ts';
import { type Benchmark, CannotRunError, tableOf, writeResult } from './result.ts';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  apply,
  api,
  boot,
  console: consoles,
  datapath,
  dhcp,
  image,
  metadata,
  lb,
};

function usage(): string {
  const lines = Object.entries(benchmarks).map(([name, { about }]) => `  ${name.padEnd(10)}${about}`);
  return ['npm run bench -- NAME [--quick] [--json], where NAME is', ...lines, ''].join('\n');
}

async function measure(name: string, benchmark: Benchmark, options: { quick: boolean; json: boolean }) {
  const started = performance.now();
  const say = (words: string) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
    process.stderr.write(`${seconds} s  ${words}\n`);
  };
  const rows = await benchmark.run({ quick: options.quick, say });
  const text = await writeResult(name, rows);
  process.stdout.write(options.json ? text : `${tableOf(rows)}\n\nbench/results/${name}.json\n`);
}

async function main(): Promise<number> {
  const flags = { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parseArgs({ options: flags, allowPositionals: true });
  const [name = '', ...more] = positionals;
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
  if (benchmark === undefined || more.length > 0) {
    process.stderr.write(usage());
    return 2;
  }
  await requireMachine(benchmark.needs);
  closeAtSignals();
  await measure(name, benchmark, values);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof CannotRunError)) throw error;
  process.stderr.write(`cannot run here: ${error.message}\n`);
  process.exitCode = 3;
}
