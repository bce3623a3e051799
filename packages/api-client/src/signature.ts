import { createHmac } from 'node:crypto';

/** As java.net.URLEncoder, with %20 for a space: letters, digits, `.`, `-`, `*` and `_` stay. */
function encode(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /[!'()~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The signature of a call: HMAC-SHA1 in base64 over its parameters, sorted by their names in lower case. */
export function sign(parameters: ReadonlyMap<string, string>, secretKey: string): string {
  const text = [...parameters]
    .map(([name, value]) => [name.toLowerCase(), encode(value).toLowerCase()] as const)
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  return createHmac('sha1', secretKey).update(text).digest('base64');
}
