// The checks that read the code without running it: every script of package.json whose name begins with "check:".
import { readFileSync } from 'node:fs';
import { root, run } from './repository.mjs';

/**
 * Runs every check, also after one has failed, so that one run shows everything.
 * @returns {Promise<{ passed: string[], failed: string[] }>} names of the checks
 */
export async function runChecks() {
  /** @type {{ scripts: Record<string, string> }} */
  const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  /** @type {{ passed: string[], failed: string[] }} */
  const result = { passed: [], failed: [] };
  for (const name of Object.keys(scripts).filter((key) => key.startsWith('check:'))) {
    const startedAt = performance.now();
    const code = await run('npm', ['run', '--silent', name]);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stdout.write(`${code === 0 ? 'passed' : 'FAILED'} ${name} (${seconds} s)\n`);
    (code === 0 ? result.passed : result.failed).push(name);
  }
  return result;
}
