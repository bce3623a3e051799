// The last lines that a VM wrote on its serial console, for people to read.
import { stripVTControlCharacters } from 'node:util';
import type { Files } from '@isthmus/host';

const lines = 20;
const lineLength = 200;

/** The last lines of a console's output, without what moves the cursor or colours; '' where there are none. */
export function lastLines(output: string): string {
  const text = stripVTControlCharacters(output).replaceAll(/(?!\n)\p{Cc}/gu, '');
  const written = text.split('\n').map((line) => line.trimEnd().slice(0, lineLength));
  return written
    .filter((line) => line !== '')
    .slice(-lines)
    .join('\n');
}

/** As `lastLines` of the log at `path`; virtlogd keeps the piece before it beside it. */
export async function serialTail(files: Files, path: string): Promise<string> {
  const log = (await files.readTextIfExists(path)) ?? '';
  const tail = lastLines(log);
  if (tail.split('\n').length >= lines) return tail;
  return lastLines(`${(await files.readTextIfExists(`${path}.0`)) ?? ''}${log}`);
}
