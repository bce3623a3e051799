// npm test: install what is missing, run every check, build the images that tests boot, run every test under coverage
// (with --all also the tests that take minutes, *.long.ts, and every benchmark, quickly). The last line is always
// "N passed, N failed"; a failed check, build of images, benchmark or coverage counts as one failure.
import { runChecks } from './checks.mjs';
import { ensureImages } from './images.mjs';
import { install } from './install.mjs';
import { pinnedNode, run, SetupError } from './repository.mjs';
import { runTests } from './run-tests.mjs';

/** What benchmarks end with where the machine cannot run them. */
const cannotRunHere = 3;

/** Names that test/bench/index.ts knows. */
const benchmarkNames = ['apply', 'api', 'datapath', 'image', 'lb', 'metadata', 'dhcp', 'console'];

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

/** Builds the images that tests boot, before any of them asks for one; answers with 1 where that failed. */
async function buildImages() {
  try {
    await ensureImages(['router', 'console-proxy', 'guest']);
    return 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stdout.write(`FAILED ${error.message}\n`);
    return 1;
  }
}

async function main() {
  await install(['run', 'test', 'image', 'libvirt']);
  const [checks, images] = await Promise.all([runChecks(), buildImages()]);
  const tests = await runTests('coverage', 7);
  const all = process.argv.includes('--all');
  const long = all ? await runTests('test:long', 37) : { passed: 0, failed: 0 };
  const benchmarks = all ? await runBenchmarks() : 0;
  for (const name of checks.failed) process.stdout.write(`FAILED ${name}\n`);
  return {
    passed: tests.passed + long.passed,
    failed: tests.failed + long.failed + checks.failed.length + images + benchmarks,
  };
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
