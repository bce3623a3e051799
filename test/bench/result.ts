// What a benchmark measured: rows of medians, each with its floor or peer of the same run and the goals it has to reach.
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, release } from 'node:os';
import { createHost, silentLog } from '@isthmus/host';

/** A promise that a row is held to. `met` follows from `value` alone. */
interface Goal {
  /** Such as "at most 5 times the floor". */
  readonly goal: string;
  readonly value: number;
  readonly met: boolean;
}

/** `floor`: the median of the floor or peer; `ratio`: `median` divided by it. `n`: how many entries were there already. */
export interface Row {
  readonly what: string;
  readonly n?: number;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly floor?: number;
  readonly ratio?: number;
  readonly goals?: readonly Goal[];
}

/** One benchmark. Throws CannotRunError where this machine cannot run it. */
export interface Benchmark {
  readonly about: string;
  /** Programs that it needs besides those of a router. */
  readonly needs: readonly string[];
  /** `say` tells what goes on, for people. */
  run(options: { readonly quick: boolean; readonly say: (words: string) => void }): Promise<Row[]>;
}

/** This machine lacks something that a benchmark needs; nothing was measured. */
export class CannotRunError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CannotRunError';
  }
}

/** The middle of some values; the mean of the two in the middle where their number is even. Throws where there is none. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new Error('no value was measured');
  return (low + high) / 2;
}

/** A row of measured values, with those of its floor or peer where it has one. */
export function rowOf(
  row: Pick<Row, 'what' | 'n' | 'unit'>,
  values: readonly number[],
  floors?: readonly number[],
): Row {
  const measured = { ...row, median: median(values), min: Math.min(...values), max: Math.max(...values) };
  if (floors === undefined) return measured;
  const floor = median(floors);
  return { ...measured, floor, ratio: measured.median / floor };
}

/** The row with one more goal. */
export function withGoal(row: Row, goal: string, value: number, met: boolean): Row {
  return { ...row, goals: [...(row.goals ?? []), { goal, value, met }] };
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function figure(value: number | undefined): string {
  if (value === undefined) return '';
  return Math.abs(value) >= 1000 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString();
}

/** The rows for people. */
export function tableOf(rows: readonly Row[]): string {
  const head = ['what', 'N', 'median', 'min', 'max', 'unit', 'floor', 'ratio', 'goals'];
  const cells = rows.map(({ what, n, unit, median, min, max, floor, ratio, goals = [] }) => [
    what,
    n === undefined ? '' : String(n),
    ...[median, min, max].map(figure),
    unit,
    ...[floor, ratio].map(figure),
    goals.map(({ goal, value, met }) => `${met ? 'met' : 'MISSED'}: ${goal} (${figure(value)})`).join('; '),
  ]);
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 || column >= 8 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  return [head, ...cells].map(line).join('\n');
}

async function commit(): Promise<string> {
  const { commands } = createHost({ log: silentLog });
  const cwd = import.meta.dirname;
  const { stdout } = await commands.run('git', ['rev-parse', 'HEAD'], { cwd, okCodes: [0, 128] });
  return stdout.trim() === '' ? 'unknown' : stdout.trim();
}

/** Writes `bench/results/NAME.json` and answers with its text. */
export async function writeResult(name: string, rows: readonly Row[]): Promise<string> {
  const machine = { cpus: availableParallelism(), kernel: release() };
  const text = `${JSON.stringify({ name, commit: await commit(), machine, rows }, null, 2)}\n`;
  const folder = new URL('../../bench/results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL(`${name}.json`, folder), text);
  return text;
}
