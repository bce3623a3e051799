// Runs the tests by ava, prints and counts them, and comes to an end also where ava does not.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { exitCodeOf, root } from './repository.mjs';
import { tapReader } from './tap.mjs';

/**
 * What Node compiled of our TypeScript: tests start hundreds of orchestrators, host agents and probes, and each spends half
 * of its first second on that.
 */
const compileCache = join(root, 'node_modules/.cache/node');

/** How many of the slowest files are printed. */
const slowestShown = 15;

/** How long the runner may take after the last test: for the table of coverage. */
const endLimitMs = 5 * 60_000;

/** @type {readonly NodeJS.Signals[]} */
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** @typedef {{ file: string, seconds?: number }} FileTime without `seconds` where a file has begun and is not done */

/**
 * What setup/test-watch.mjs noted.
 * @param {string} path
 * @returns {{ done: Required<FileTime>[], open: string[] }}
 */
function readTimes(path) {
  /** @type {Map<string, number | undefined>} */
  const files = new Map();
  for (const line of readFileSync(path, { encoding: 'utf8', flag: 'a+' }).split('\n')) {
    if (line === '') continue;
    /** @type {FileTime} */
    const { file, seconds } = JSON.parse(line);
    files.set(file, seconds);
  }
  /** @type {ReturnType<typeof readTimes>} */
  const times = { done: [], open: [] };
  for (const [file, seconds] of files) {
    if (seconds === undefined) times.open.push(file);
    else times.done.push({ file, seconds });
  }
  return times;
}

/** @param {readonly Required<FileTime>[]} times */
function printSlowest(times) {
  const slowest = times.toSorted((a, b) => b.seconds - a.seconds).slice(0, slowestShown);
  process.stdout.write(`The slowest of ${times.length} test files:\n`);
  for (const { file, seconds } of slowest) process.stdout.write(`${seconds.toFixed(1).padStart(7)} s  ${file}\n`);
}

/**
 * Ends a child and all that it started.
 * @param {import('node:child_process').ChildProcess} child leader of its process group
 */
function endGroup(child) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

/**
 * Runs tests by a script of package.json and answers with their count; a run that fails without a failed test (coverage),
 * and one that does not end, counts as one.
 * @param {'coverage' | 'test:long'} script
 * @param {number} idleMinutes how long no test may report: more than the `timeout` of ava, which ends itself then
 */
export async function runTests(script, idleMinutes) {
  const scratch = mkdtempSync(join(tmpdir(), 'isthmus-tests-'));
  const timesPath = join(scratch, 'times');
  const child = spawn('npm', ['run', '--silent', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ISTHMUS_TEST_TIMES: timesPath, NODE_COMPILE_CACHE: compileCache },
    detached: true,
  });
  /** @type {string | null} */
  let stopped = null;
  /** @param {string} why */
  const stop = (why) => {
    stopped ??= why;
    endGroup(child);
  };
  const tap = tapReader((line) => process.stdout.write(`${line}\n`));
  let heardAt = performance.now();
  createInterface({ input: child.stdout }).on('line', (line) => {
    heardAt = performance.now();
    tap.read(line);
  });
  const watch = setInterval(() => {
    const silentMs = performance.now() - heardAt;
    const seconds = `${(silentMs / 1000).toFixed(0)} s`;
    if (tap.hasEnded() && silentMs > endLimitMs) stop(`every test has reported, but ava did not end within ${seconds}`);
    else if (silentMs > idleMinutes * 60_000) stop(`no test has reported for ${seconds}`);
  }, 1000);
  /** @param {NodeJS.Signals} signal */
  const onSignal = (signal) => stop(`ended by ${signal}`);
  for (const signal of endingSignals) process.on(signal, onSignal);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve(exitCodeOf(exitCode, signal)));
    // A daemon of a test may hold the pipe.
    child.once('exit', () => stopped !== null && resolve(1));
  });
  child.stdout.destroy();
  clearInterval(watch);
  for (const signal of endingSignals) process.off(signal, onSignal);
  const times = readTimes(timesPath);
  rmSync(scratch, { recursive: true });
  printSlowest(times.done);
  const { passed, failed, skipped } = tap.count;
  if (passed + failed === 0) process.stdout.write('FAILED no test ran\n');
  if (skipped > 0) process.stdout.write(`FAILED ${skipped} tests are skipped\n`);
  if (stopped !== null) {
    process.stdout.write(`FAILED npm run ${script}: ${stopped}; under way: ${times.open.join(', ') || 'no file'}\n`);
    return { passed, failed: failed + skipped + 1 };
  }
  const open = times.open.join(', ');
  if (open !== '') process.stdout.write(`Not done: ${open}\n`);
  if (!tap.hasEnded()) {
    process.stdout.write(`FAILED ava ended before its tests did (exit code ${code})\n`);
    return { passed, failed: failed + skipped + 1 };
  }
  if (code !== 0 && failed === 0) process.stdout.write(`FAILED npm run ${script} (exit code ${code})\n`);
  const unseen = failed === 0 && (code !== 0 || passed === 0) ? 1 : 0;
  return { passed, failed: failed + skipped + unseen };
}
