// The checks that read the code without running it: every script of package.json whose name begins with "check:".
import { readFileSync } from 'node:fs';
import { root, runQuietly } from './repository.mjs';

/** Checks that run at once: the longest, of types and promises, take one processor each. */
const atOnce = 2;

/**
 * Runs every check, also after one has failed, so that one run shows everything. What a check says is printed when it has
 * ended.
 * @returns {Promise<{ passed: string[], failed: string[] }>} names of the checks
 */
export async function runChecks() {
  /** @type {{ scripts: Record<string, string> }} */
  const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  /** @type {{ passed: string[], failed: string[] }} */
  const result = { passed: [], failed: [] };
  const names = Object.keys(scripts).filter((key) => key.startsWith('check:'));
  const runNext = async () => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const startedAt = performance.now();
      const { code, output } = await runQuietly('npm', ['run', '--silent', name]);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`${output}${code === 0 ? 'passed' : 'FAILED'} ${name} (${seconds} s)\n`);
      (code === 0 ? result.passed : result.failed).push(name);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runNext));
  return result;
}
