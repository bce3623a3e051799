// What was typed: the command in words, its parameters, the options.

/** A command line as typed. */
export interface CommandLine {
  /** The words of the command, such as list and networks. */
  readonly words: readonly string[];
  /** Parameters as `name=value`; the names in lower case. */
  readonly values: Readonly<Record<string, string>>;
}

/** A mistake of who typed: shown without a stack, exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Parts words from parameters. Throws UsageError where a word follows a parameter. */
export function readWords(words: readonly string[]): CommandLine {
  const first = words.findIndex((word) => word.includes('='));
  const end = first < 0 ? words.length : first;
  const pairs = words.slice(end).map((word): [string, string] => {
    const at = word.indexOf('=');
    if (at < 1) throw new UsageError(`${JSON.stringify(word)}: expected name=value after the command`);
    return [word.slice(0, at).toLowerCase(), word.slice(at + 1)];
  });
  return { words: words.slice(0, end), values: Object.fromEntries(pairs) };
}

/** The API command that the words name, by `create network`, `createNetwork` or `createnetwork`; null for none. */
export function findCommand<Api extends { readonly name: string }>(
  apis: readonly Api[],
  words: readonly string[],
): Api | null {
  const typed = words.join('').toLowerCase();
  return apis.find(({ name }) => name.toLowerCase() === typed) ?? null;
}

/** Commands whose names are near to what was typed. */
export function suggestions(apis: readonly { readonly name: string }[], words: readonly string[]): string[] {
  const [verb = '', ...rest] = words.map((word) => word.toLowerCase());
  const noun = rest.join('').replace(/s$/, '');
  return apis
    .map(({ name }) => name)
    .filter((name) => {
      const lower = name.toLowerCase();
      return noun === '' ? lower.startsWith(verb) : lower.includes(noun);
    })
    .slice(0, 12);
}

/** A command's name in words: createPortForwardingRule is `create portforwardingrule`. */
export function inWords(name: string): string {
  const [verb = name] = /^[a-z]+/.exec(name) ?? [];
  const noun = name.slice(verb.length).toLowerCase();
  return noun === '' ? verb : `${verb} ${noun}`;
}
