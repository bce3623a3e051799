// The signature of a call, as CloudStack's ApiServer.verifyRequest checks it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Call } from './call.ts';

/** As java.net.URLEncoder, with %20 for a space: letters, digits, `.`, `-`, `*` and `_` stay. */
function encode(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

type Pair = readonly [string, string];

function joined(pairs: readonly Pair[], keepTilde: boolean): string {
  const text = pairs
    .map(([name, value]) => `${name}=${encode(value)}`)
    .join('&')
    .toLowerCase();
  return keepTilde ? text.replaceAll('%7e', '~') : text;
}

function byName([left]: Pair, [right]: Pair): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function byLowerName(left: Pair, right: Pair): number {
  return byName([left[0].toLowerCase(), ''], [right[0].toLowerCase(), '']);
}

/**
 * The texts that a client may have signed: the reference server sorts by the names as spelled, most clients by the names
 * in lower case; and clients in Python and Go leave a tilde as it is, where Java encodes it.
 */
export function signedTexts(call: Call): string[] {
  const pairs = [...call.spelled].filter(([name]) => name.toLowerCase() !== 'signature');
  const orders = [[...pairs].sort(byName), [...pairs].sort(byLowerName)];
  return [...new Set(orders.flatMap((order) => [joined(order, false), joined(order, true)]))];
}

/** True where the call's signature was made with this secret key. Takes equally long for every wrong one. */
export function isSignedBy(call: Call, signature: string, secretKey: string): boolean {
  const given = Buffer.from(signature, 'base64');
  let matches = false;
  for (const text of signedTexts(call)) {
    const expected = createHmac('sha1', secretKey).update(text).digest();
    if (given.length === expected.length && timingSafeEqual(given, expected)) matches = true;
  }
  return matches;
}

const expiresFormat = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$/;

/** The time of `expires` in milliseconds since 1970, spelled with `+0000` or `Z`; NaN for any other text. */
function expiryTime(text: string): number {
  // A plus sign that a client did not encode arrives as a space.
  const [, moment = '', zone = ''] = expiresFormat.exec(text.replace(' ', '+')) ?? [];
  if (moment === '') return Number.NaN;
  return Date.parse(`${moment}${zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(-2)}`}`);
}

/** False for a call of signatureVersion 3 that has no `expires`, or one that is past. */
export function isFresh(call: Call, now: number): boolean {
  if (call.parameters.get('signatureversion') !== '3') return true;
  return expiryTime(call.parameters.get('expires') ?? '') > now;
}
