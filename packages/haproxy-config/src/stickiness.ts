// How a client stays with its server: by a cookie of HAProxy's own, by a cookie of the application in a stick table, or by
// its address in one. HAProxy's `appsession` is gone since 1.6; stick tables do its work.
import { InvalidValueError } from '@isthmus/net';
import type { Line } from './config-file.ts';
import { type CookieName, expectWords, parseCookieName, parseTime, parseWhole, writeTime } from './values.ts';

/** `cookie` of HAProxy's manual. The value is a hash of `key` and the server's address, so that servers may come at run time. */
export interface CookieStickiness {
  readonly kind: 'cookie';
  readonly cookieName: CookieName;
  readonly mode: 'insert' | 'rewrite' | 'prefix';
  readonly noCache: boolean;
  readonly indirect: boolean;
  readonly postOnly: boolean;
  /** Such as `example.org` or `.example.org`. */
  readonly domains: readonly string[];
  readonly key: string;
}

/** A table of `size` entries that forgets one after `expireMs` of silence, kept over reloads by the section `peers`. */
interface Table {
  readonly size: number;
  readonly expireMs: number;
}

/** A cookie that the application sets. */
export interface ApplicationCookieStickiness extends Table {
  readonly kind: 'application-cookie';
  readonly cookieName: CookieName;
  /** Bytes of the value that count. */
  readonly length: number;
  /** A value is learnt from a request as well, not only from a response. */
  readonly requestLearn: boolean;
  /** Also read as a parameter of the path, `/a;NAME=VALUE`. */
  readonly pathParameters: boolean;
}

/** The client's address. */
export interface SourceStickiness extends Table {
  readonly kind: 'source';
}

/** How a client stays with a server. */
export type Stickiness = CookieStickiness | ApplicationCookieStickiness | SourceStickiness;

/** The section `peers` that stick tables are kept by. */
export const peersName = 'tables';

const domainPattern = /^\.?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})$/;

function cookieLines(stickiness: CookieStickiness): Line[] {
  const { cookieName, mode, noCache, indirect, postOnly, domains, key } = stickiness;
  for (const domain of domains) if (!domainPattern.test(domain)) throw new InvalidValueError(domain, 'a domain name');
  const flags = [...(indirect ? ['indirect'] : []), ...(noCache ? ['nocache'] : []), ...(postOnly ? ['postonly'] : [])];
  const cookie = [
    'cookie',
    parseCookieName(cookieName),
    mode,
    ...flags,
    ...domains.flatMap((name) => ['domain', name]),
  ];
  return [
    [...cookie, 'dynamic'],
    ['dynamic-cookie-key', key],
  ];
}

/** A cookie's name as an argument: in double quotes nothing of a token has a meaning there. */
function sample(fetch: string, name: CookieName, more = ''): string {
  return `${fetch}("${parseCookieName(name)}"${more})`;
}

function tableLine(type: readonly (string | number)[], { size, expireMs }: Table): Line {
  return ['stick-table', 'type', ...type, 'size', size, 'expire', writeTime(expireMs), 'peers', peersName];
}

function applicationLines(stickiness: ApplicationCookieStickiness): Line[] {
  const { cookieName, length, requestLearn, pathParameters } = stickiness;
  const inRequest = [
    sample('req.cook', cookieName),
    ...(pathParameters ? [sample('url_param', cookieName, ',;')] : []),
  ];
  return [
    tableLine(['string', 'len', length], stickiness),
    ...inRequest.map((name): Line => ['stick', requestLearn ? 'on' : 'match', name]),
    ['stick', 'store-response', sample('res.cook', cookieName)],
  ];
}

/** The lines of one way to stay. Throws InvalidValueError. */
export function stickinessLines(stickiness: Stickiness): Line[] {
  if (stickiness.kind === 'cookie') return cookieLines(stickiness);
  if (stickiness.kind === 'application-cookie') return applicationLines(stickiness);
  return [tableLine(['ip'], stickiness), ['stick', 'on', 'src']];
}

function readCookie([cookie = [], key = [], ...rest]: readonly string[][]): CookieStickiness {
  const [, name = '', mode, ...options] = cookie;
  if (mode !== 'insert' && mode !== 'rewrite' && mode !== 'prefix') {
    throw new InvalidValueError(mode ?? '', 'insert, rewrite or prefix');
  }
  if (options.pop() !== 'dynamic') throw new InvalidValueError(cookie.join(' '), 'dynamic at the end');
  if (key.length !== 2 || key[0] !== 'dynamic-cookie-key' || rest.length > 0) {
    throw new InvalidValueError(key.join(' '), 'dynamic-cookie-key KEY');
  }
  const has = (word: string) => {
    const isThere = options[0] === word;
    if (isThere) options.shift();
    return isThere;
  };
  const flags = { indirect: has('indirect'), noCache: has('nocache'), postOnly: has('postonly') };
  const domains: string[] = [];
  while (has('domain')) domains.push(options.shift() ?? '');
  if (options.length > 0) throw new InvalidValueError(options.join(' '), 'no further option of a cookie');
  return { kind: 'cookie', cookieName: parseCookieName(name), mode, ...flags, domains, key: key[1] ?? '' };
}

function readTable(words: readonly string[]): Table {
  const [size, entries, expire, time, ...peers] = words;
  expectWords([size, expire, ...peers], ['size', 'expire', 'peers', peersName]);
  return { size: parseWhole(entries, 1, 10_000_000), expireMs: parseTime(time) };
}

function readTabled([table = [], ...sticks]: readonly string[][]): Stickiness {
  const [, typeWord, type, ...rest] = table;
  if (typeWord !== 'type') throw new InvalidValueError(table.join(' '), 'stick-table type TYPE');
  if (type === 'ip') {
    expectWords(sticks.flat(), ['stick', 'on', 'src']);
    return { kind: 'source', ...readTable(rest) };
  }
  const [len, length, ...more] = rest;
  expectWords([type, len], ['string', 'len']);
  const last = /^res\.cook\("(.*)"\)$/.exec(sticks.at(-1)?.[2] ?? '');
  const stickiness: ApplicationCookieStickiness = {
    kind: 'application-cookie',
    cookieName: parseCookieName(last?.[1] ?? ''),
    length: parseWhole(length, 1, 512),
    requestLearn: sticks[0]?.[1] === 'on',
    pathParameters: sticks.length > 2,
    ...readTable(more),
  };
  expectWords(sticks.flat(), applicationLines(stickiness).slice(1).flat().map(String));
  return stickiness;
}

/** Reads the words of `stickinessLines`; null for none. Throws InvalidValueError. */
export function readStickiness(lines: readonly string[][]): Stickiness | null {
  if (lines.length === 0) return null;
  return lines[0]?.[0] === 'cookie' ? readCookie(lines) : readTabled(lines);
}
