// What all of HAProxy's files share: the one writer of words, and the reader of lines.
import { InvalidValueError } from '@isthmus/net';

/** A value of a model that cannot be written. `path` is dotted, such as `servers.3.name`. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** A file's text that is not one that the renderer writes. `line` counts from 1. */
export class ConfigSyntaxError extends Error {
  readonly line: number;

  constructor(line: number, message: string, options?: ErrorOptions) {
    super(`line ${line}: ${message}`, options);
    this.name = 'ConfigSyntaxError';
    this.line = line;
  }
}

/** The words of one line. */
export type Line = readonly (string | number)[];

/** HAProxy reads at most 64 words and 2,048 bytes of a line; what is longer is refused by it. */
export const maxWords = 64;

const plain = /^[A-Za-z0-9._:/*,=@%+-]+$/;

/**
 * The only writer of words (HAProxy's configuration manual, 2.2 "Quoting and escaping"). Between single quotes nothing
 * has a meaning, so whatever is not plain stands there; what no quoting can hold, a line break or anything beyond
 * printable ASCII, is refused. Throws InvalidValueError.
 */
export function quote(value: string | number): string {
  const text = String(value);
  if (plain.test(text)) return text;
  if (!/^[ -~]+$/.test(text)) throw new InvalidValueError(value, 'printable ASCII characters without a line break');
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The text of one line, without its line break. */
export function writeLine(line: Line): string {
  return line.map(quote).join(' ');
}

/** The text of a section: its first line, and the others indented. */
export function writeSection([head, ...body]: readonly Line[]): string {
  if (head === undefined) return '';
  return [writeLine(head), ...body.map((line) => `  ${writeLine(line)}`)].map((line) => `${line}\n`).join('');
}

/** One part of a word at the front of a text: plain characters, an escaped quote, or a quoted part. */
const part = /^(?:([A-Za-z0-9._:/*,=@%+-]+)|\\'|'([ -&(-~]*)')/;

function readWord(text: string): { readonly word: string; readonly rest: string } {
  let word = '';
  let rest = text;
  while (rest !== '' && !rest.startsWith(' ')) {
    const [all, bare, quoted] = part.exec(rest) ?? [];
    if (all === undefined) throw new InvalidValueError(text, 'a word, in single quotes where it is not plain');
    word += bare ?? quoted ?? "'";
    rest = rest.slice(all.length);
  }
  return { word, rest };
}

/** The words of a line as `writeLine` writes it. Throws InvalidValueError. */
export function readWords(line: string): string[] {
  const words: string[] = [];
  let rest = line;
  while (rest !== '') {
    const { word, rest: after } = readWord(rest);
    words.push(word);
    if (after !== '' && !/^ [^ ]/.test(after)) throw new InvalidValueError(line, 'one blank between two words');
    rest = after.slice(1);
  }
  if (writeLine(words) !== line) throw new InvalidValueError(line, 'words quoted only where they need it');
  return words;
}

/** The sections of a text, each as the words of its lines. Throws ConfigSyntaxError. */
export function readSections(text: string): string[][][] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new ConfigSyntaxError(lines.length + 1, 'expected a line break at the end');
  const sections: string[][][] = [];
  for (const [index, line] of lines.entries()) {
    const isHead = !line.startsWith('  ');
    const words = located(index + 1, () => readWords(isHead ? line : line.slice(2)));
    if (words.length === 0) throw new ConfigSyntaxError(index + 1, 'expected words');
    const section = sections.at(-1);
    if (isHead) sections.push([words]);
    else if (section === undefined) throw new ConfigSyntaxError(index + 1, 'expected the head of a section');
    else section.push(words);
  }
  return sections;
}

function located<Value>(line: number, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new ConfigSyntaxError(line, error.message, { cause: error });
  }
}

/** The issue of a value that `check` throws on, as a list of none or one. */
export function issueOf(path: string, check: () => unknown): Issue[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    return [{ path, message: error.message }];
  }
}
