// Values of HAProxy's files that packages/net does not know.
import { InvalidValueError } from '@isthmus/net';

/** An absolute path of letters, digits, `.`, `_`, `-` and `/`, without `..`, at most 255 characters. */
export type ConfigPath = string & { readonly __brand: 'HaproxyConfigPath' };
/** The name of a proxy or of a server in it: 1 to 80 letters, digits, `.`, `_` and `-`. */
export type ProxyName = string & { readonly __brand: 'HaproxyName' };
/** A user or group of /etc/passwd or /etc/group. */
export type AccountName = string & { readonly __brand: 'HaproxyAccountName' };
/** The name of a cookie: RFC 6265's token, at most 64 characters. */
export type CookieName = string & { readonly __brand: 'HaproxyCookieName' };

/** Names that HAProxy keeps for its own rows of statistics. */
const reservedNames = new Set(['FRONTEND', 'BACKEND', 'GLOBAL', 'MASTER']);

/** Reads a path. Throws InvalidValueError. */
export function parseConfigPath(text: string): ConfigPath {
  if (!/^(?:\/[A-Za-z0-9._-]+)+$/.test(text) || text.length > 255 || text.split('/').includes('..')) {
    throw new InvalidValueError(text, 'an absolute path of letters, digits, dots, underscores, hyphens and slashes');
  }
  return text as ConfigPath;
}

/** Reads a name. Throws InvalidValueError. */
export function parseProxyName(text: string): ProxyName {
  if (!/^[A-Za-z0-9._-]{1,80}$/.test(text) || reservedNames.has(text)) {
    throw new InvalidValueError(text, '1 to 80 letters, digits, dots, underscores and hyphens');
  }
  return text as ProxyName;
}

/** Reads the name of an account. Throws InvalidValueError. */
export function parseAccountName(text: string): AccountName {
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(text)) {
    throw new InvalidValueError(text, 'an account name: 1 to 32 lower case letters, digits, underscores and hyphens');
  }
  return text as AccountName;
}

/** Reads the name of a cookie. Throws InvalidValueError. */
export function parseCookieName(text: string): CookieName {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(text)) {
    throw new InvalidValueError(text, "a cookie's name: 1 to 64 letters, digits and !#$%&'*+-.^_`|~");
  }
  return text as CookieName;
}

/** Reads a whole number in decimal. Throws InvalidValueError outside `least` to `most`. */
export function parseWhole(text: string | undefined, least: number, most: number): number {
  const number = text !== undefined && /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new InvalidValueError(text ?? '', `a whole number from ${least} to ${most}`);
  }
  return number;
}

/** HAProxy's longest time: 2^31 ms, some 24 days. */
export const maxMilliseconds = 2_147_483_647;

/** A time as HAProxy reads it. */
export function writeTime(milliseconds: number): string {
  return `${milliseconds}ms`;
}

/** Reads `writeTime`'s text. Throws InvalidValueError. */
export function parseTime(text: string | undefined): number {
  if (text?.endsWith('ms') !== true) throw new InvalidValueError(text ?? '', 'milliseconds, such as 50000ms');
  return parseWhole(text.slice(0, -2), 1, maxMilliseconds);
}

/** The one word of a list of words that must be these. Throws InvalidValueError. */
export function expectWords(words: readonly (string | undefined)[], expected: readonly string[]): void {
  if (words.length === expected.length && words.every((word, index) => word === expected[index])) return;
  throw new InvalidValueError(words.join(' '), expected.join(' '));
}
