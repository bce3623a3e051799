// npm run figures: writes the medians of bench/results/*.json into SPECIFICATION.md, between its two marks.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { root, SetupError, script } from './repository.mjs';

/** @typedef {{ what: string, n?: number, unit: string, median: number, floor?: number, ratio?: number }} Row */
/** @typedef {{ name: string, commit: string, machine: { cpus: number, kernel: string }, rows: Row[] }} Result */

const marks = { begin: '<!-- figures: begin -->', end: '<!-- figures: end -->' };

/** @param {number | undefined} value */
function figure(value) {
  return value === undefined ? '' : String(Number(value.toPrecision(3)));
}

/** @param {Result} result */
function tableOf({ name, commit, machine, rows }) {
  const lines = rows.map(
    ({ what, n, unit, median, floor, ratio }) =>
      `| ${what} | ${n ?? ''} | ${figure(median)} ${unit} | ${figure(floor)} | ${figure(ratio)} |`,
  );
  const head = `### ${name}\n\nCommit ${commit.slice(0, 12)}, ${machine.cpus} processors, Linux ${machine.kernel}.\n`;
  return `${head}\n| what | N | median | floor or peer | ratio |\n| --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`;
}

await script(async () => {
  const folder = `${root}/bench/results`;
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  if (names.length === 0) throw new SetupError(`${folder} holds no figures; npm run bench -- NAME measures them.`);
  /** @type {Result[]} */
  const results = names.sort().map((name) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')));
  const path = `${root}/SPECIFICATION.md`;
  const text = readFileSync(path, 'utf8');
  const [begin, end] = [text.indexOf(marks.begin), text.indexOf(marks.end)];
  if (begin < 0 || end < begin) throw new SetupError(`${path}: expected ${marks.begin} and ${marks.end}`);
  const middle = `${marks.begin}\n\n${results.map(tableOf).join('\n')}\n`;
  writeFileSync(path, text.slice(0, begin) + middle + text.slice(end));
  return 0;
});
