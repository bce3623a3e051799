// What all of dnsmasq's files share: the one writer, and the walk over lines.
import { InvalidValueError } from '@isthmus/net';

/** A value of a model that cannot be written. `path` is dotted, such as `hosts.3.name`. */
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

/**
 * The only writer of values. dnsmasq gives `"`, `\`, `#`, `,` and blanks a meaning, and a line break ends a setting. No
 * type of a model holds one, so nothing is ever quoted; a cast past the types ends here. Throws InvalidValueError.
 */
export function word(value: string | number): string {
  const text = String(value);
  if (!/^[A-Za-z0-9._:/*[\]-]+$/.test(text)) {
    const expected = 'letters, digits, dots, underscores, colons, slashes, asterisks, brackets and hyphens';
    throw new InvalidValueError(value, expected);
  }
  return text;
}

/** The words of one setting, with commas between them. */
export function words(values: readonly (string | number)[]): string {
  return values.map(word).join(',');
}

/** Runs `read` over each line of a text that ends in a line break. Throws ConfigSyntaxError with the line's number. */
export function readLines<Value>(text: string, read: (line: string) => Value): Value[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new ConfigSyntaxError(lines.length + 1, 'expected a line break at the end');
  return lines.map((line, index) => {
    try {
      return read(line);
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      throw new ConfigSyntaxError(index + 1, error.message, { cause: error });
    }
  });
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

/** Issues of a list whose every item must survive being written and read. */
export function listIssues<Item>(name: string, items: readonly Item[], check: (item: Item) => unknown): Issue[] {
  return items.flatMap((item, index) => issueOf(`${name}.${index}`, () => check(item)));
}

/** One issue for each value that stands in the list a second time. */
export function duplicateIssues(path: string, values: readonly string[]): Issue[] {
  const seen = new Set<string>();
  return values.flatMap((value) => {
    if (seen.has(value)) return [{ path, message: `${JSON.stringify(value)} stands here twice: expected once` }];
    seen.add(value);
    return [];
  });
}
