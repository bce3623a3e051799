// npm test: install what is missing, run every check, every test under coverage (and with --benchmarks every benchmark,
// quickly). The last line is always "N passed, N failed"; a failed check, benchmark or coverage counts as one failure.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { runChecks } from './checks.mjs';
import { install } from './install.mjs';
import { exitCodeOf, pinnedNode, root, run, SetupError } from './repository.mjs';
import { tapReader } from './tap.mjs';

/** What benchmarks end with where the machine cannot run them. */
const cannotRunHere = 3;

/** Runs the tests and answers with their count; a run that fails without a failed test (coverage) counts as one. */
async function runTests() {
  const child = spawn('npm', ['run', '--silent', 'coverage'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const tap = tapReader((line) => process.stdout.write(`${line}\n`));
  createInterface({ input: child.stdout }).on('line', tap.read);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve(exitCodeOf(exitCode, signal)));
  });
  const { passed, failed, skipped } = tap.count;
  if (passed + failed === 0) process.stdout.write('FAILED no test ran\n');
  if (skipped > 0) process.stdout.write(`FAILED ${skipped} tests are skipped\n`);
  if (code !== 0 && failed === 0) process.stdout.write(`FAILED coverage or the test runner (exit code ${code})\n`);
  const unseen = failed === 0 && (code !== 0 || passed === 0) ? 1 : 0;
  return { passed, failed: failed + skipped + unseen };
}

/** Names that test/bench/index.ts knows. */
const benchmarkNames = ['apply', 'api', 'datapath'];

/** Runs every benchmark in its quick form; answers with the number that failed. */
async function runBenchmarks() {
  let failed = 0;
  for (const name of benchmarkNames) {
    const code = await run(pinnedNode, ['test/bench/index.ts', name, '--quick']);
    if (code === 0 || code === cannotRunHere) continue;
    process.stdout.write(`FAILED benchmark ${name} (exit code ${code})\n`);
    failed += 1;
  }
  return failed;
}

async function main() {
  await install(['run', 'test']);
  const checks = await runChecks();
  const tests = await runTests();
  const benchmarks = process.argv.includes('--benchmarks') ? await runBenchmarks() : 0;
  for (const name of checks.failed) process.stdout.write(`FAILED ${name}\n`);
  return { passed: tests.passed, failed: tests.failed + checks.failed.length + benchmarks };
}

let result = { passed: 0, failed: 1 };
try {
  result = await main();
} catch (error) {
  process.stderr.write(
    `isthmus: ${error instanceof SetupError ? error.message : /** @type {Error} */ (error).stack}\n`,
  );
}
process.stdout.write(`${result.passed} passed, ${result.failed} failed\n`);
process.exitCode = result.failed === 0 ? 0 : 1;
