// Values that are read from files: a private key on a command line stands in the list of processes and in the history.
import { readFile } from 'node:fs/promises';
import { UsageError } from './command-line.ts';

/** Most bytes of a file: more than any parameter takes. */
const maxBytes = 1 << 20;

async function readValue(name: string, value: string): Promise<string> {
  if (value.startsWith('@@')) return value.slice(1);
  if (!value.startsWith('@')) return value;
  const path = value.slice(1);
  const expected = 'expected the path of a file after @ (@@ for a value that begins with @)';
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new UsageError(`${name}: ${error instanceof Error ? error.message : String(error)}; ${expected}`);
  }
  if (bytes.length > maxBytes)
    throw new UsageError(`${name}: ${path} has ${bytes.length} bytes: expected at most 1 MiB`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.replace(/(?:\r?\n)+$/, '');
  } catch {
    throw new UsageError(`${name}: ${path} is not text in UTF-8`);
  }
}

/**
 * Puts the content of FILE in place of each value `@FILE`, without the newlines at its end, as `$(cat FILE)` does; `@@`
 * begins a value that begins with `@`. Throws UsageError where a file cannot be read, is over 1 MiB, or is not UTF-8.
 */
export async function readValueFiles(values: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const entries = Object.entries(values);
  return Object.fromEntries(
    await Promise.all(
      entries.map(async ([name, value]): Promise<[string, string]> => [name, await readValue(name, value)]),
    ),
  );
}
