// The arguments of npm start and npm run destroy, looked at before anything is installed.
import { SetupError } from './repository.mjs';

/**
 * The arguments of this script; null where help was asked for and printed. Throws SetupError for one that is not known.
 * @param {string} usage
 * @param {readonly string[]} known
 * @param {readonly string[]} withValue those that a value follows
 * @returns {readonly string[] | null}
 */
export function readArguments(usage, known, withValue = []) {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${usage}\n`);
    return null;
  }
  const unknown = args.find(
    (word, index) => ![...known, ...withValue].includes(word) && !withValue.includes(args[index - 1] ?? ''),
  );
  if (unknown !== undefined) throw new SetupError(`unknown argument ${JSON.stringify(unknown)}\n${usage}`);
  return args;
}
