// Where the checkout is and which of its programs setup runs. Plain JavaScript for Node 20: nothing is installed yet.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The root of the checkout, without a trailing slash. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** The pinned Node, which reads TypeScript; the machine's own need not. Exists once npm packages are installed. */
export const pinnedNode = `${root}/node_modules/.bin/node`;

/** A failure that is the user's to mend: printed as a sentence, without a stack. */
export class SetupError extends Error {}

/**
 * Runs a command in the checkout with this process's terminal and waits for it.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {Record<string, string>} [environment] added to this process's
 * @returns {Promise<number>} its exit code; 128 + n where signal n ended it
 */
export function run(file, args, environment = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
}

/**
 * Runs a command in the checkout and keeps what it says.
 * @param {string} file
 * @param {readonly string[]} args
 * @returns {Promise<{ code: number, output: string }>} `code` as of `run`
 */
export function runQuietly(file, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    /** @type {Buffer[]} */
    const parts = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part));
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve({ code: exitCodeOf(code, signal), output: Buffer.concat(parts).toString() }),
    );
  });
}

/**
 * The shell's convention for how a process ended.
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
export function exitCodeOf(code, signal) {
  if (signal !== null) return 128 + constants.signals[signal];
  return code ?? 1;
}

/**
 * Runs the body of a setup script: a SetupError is printed as its message alone.
 * @param {() => Promise<number>} body answers with the exit code
 */
export async function script(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`isthmus: ${error.message}\n`);
    process.exitCode = 1;
  }
}
