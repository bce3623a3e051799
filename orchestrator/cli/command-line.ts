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

/** Commands whose names are near to what was typed: those that begin with the same letter first. */
export function suggestions(apis: readonly { readonly name: string }[], words: readonly string[]): string[] {
  const [verb = '', ...rest] = words.map((word) => word.toLowerCase());
  const noun = rest.join('').replace(/s$/, '');
  const near = apis.map(({ name }) => name).filter((name) => name.toLowerCase().includes(noun === '' ? verb : noun));
  const sameLetter = (name: string) => Number(name.startsWith(verb.slice(0, 1)));
  return near.sort((left, right) => sameLetter(right) - sameLetter(left)).slice(0, 12);
}

/**
 * Refuses parameters that the command does not have. The API ignores them, as CloudStack does; here a mistyped cidrlist
 * would open a port to everybody. Of `name[0].key` the part before the bracket counts. Throws UsageError.
 */
export function checkNames(
  api: { readonly name: string; readonly params: readonly { readonly name: string }[] },
  values: Readonly<Record<string, string>>,
): void {
  const known = new Set(api.params.map(({ name }) => name.toLowerCase()));
  const unknown = Object.keys(values).filter((name) => !known.has(name.replace(/\[.*$/, '')));
  if (unknown.length === 0) return;
  const words = inWords(api.name);
  throw new UsageError(
    `${unknown.join(', ')}: no parameter of ${words}, which has ${[...known].join(', ')}; see isthmus help ${words}`,
  );
}

/** A command's name in words: createPortForwardingRule is `create portforwardingrule`. */
export function inWords(name: string): string {
  const [verb = name] = /^[a-z]+/.exec(name) ?? [];
  const noun = name.slice(verb.length).toLowerCase();
  return noun === '' ? verb : `${verb} ${noun}`;
}
