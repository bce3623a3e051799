// Text of a Packer template. Packer reads nearly every string as a template of Go's (`{{ … }}`), so that a plain string
// with two braces would be run; here a string is text only once it has been through `literal`.
declare const packerText: unique symbol;

/** Text as Packer reads it: nothing in it is run but references to variables. */
export type PackerText = string & { readonly [packerText]: true };

/** Names of user variables. */
const variableName = /^[a-z][a-z0-9_]{0,63}$/;

/**
 * Text that Packer shall take as it is. Throws TypeError where it holds `{{`, a NUL, or half a surrogate pair. There is no
 * way to write `{{` that serves everywhere: Packer 1.6 reads some members once and others (such as `inline`) twice, so that
 * what the first reading leaves of an escape is run by the second.
 */
export function literal(value: string): PackerText {
  if (value.includes('{{') || value.includes('\0') || !value.isWellFormed()) {
    throw new TypeError(`${JSON.stringify(value)}: expected text without {{ and NUL, in whole characters`);
  }
  return value as PackerText;
}

/** The value of a user variable. Throws TypeError for a name that Packer would not find. */
export function user(name: string): PackerText {
  if (!variableName.test(name)) {
    throw new TypeError(
      `variable ${JSON.stringify(name)}: expected lower-case letters, digits and _, a letter first, at most 64`,
    );
  }
  return `{{user \`${name}\`}}` as PackerText;
}

/** The text of several pieces, in order. Throws TypeError where braces of two pieces would meet. */
export function join(...pieces: readonly PackerText[]): PackerText {
  const whole: string[] = [];
  for (const piece of pieces.filter((text) => text !== '')) {
    if (piece.startsWith('{') && whole.at(-1)?.endsWith('{') === true) {
      throw new TypeError(
        `${JSON.stringify(whole.at(-1))} before ${JSON.stringify(piece)}: expected no { between them`,
      );
    }
    whole.push(piece);
  }
  return whole.join('') as PackerText;
}

/** A template literal whose fixed parts are literal: packer\`file:${user('images')}/SHA256SUMS\`. */
export function packer(fixed: TemplateStringsArray, ...values: readonly PackerText[]): PackerText {
  return join(...fixed.flatMap((part, index) => [literal(part), ...values.slice(index, index + 1)]));
}

/** Names of the user variables that a text refers to. */
export function variablesOf(value: string): string[] {
  return [...value.matchAll(/\{\{user `([^`]*)`\}\}/g)].map(([, name]) => name ?? '');
}
