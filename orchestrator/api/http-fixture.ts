// Raw HTTP for tests of the API: what a client that is not ours would send.
import { createHmac } from 'node:crypto';

/** An answer, read. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The only value of the envelope. */
  readonly content: Readonly<Record<string, unknown>>;
  readonly envelope: string;
}

async function read(response: Response): Promise<RawAnswer> {
  const text = await response.text();
  const parsed = text.startsWith('{') ? (JSON.parse(text) as Record<string, Record<string, unknown>>) : {};
  const [[envelope, content] = ['', {}]] = Object.entries(parsed);
  return { status: response.status, headers: response.headers, text, content, envelope };
}

/** GET of a query as it is. */
export async function get(endpoint: string, query: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  return read(await fetch(`${endpoint}?${query}`, { headers }));
}

/** POST of a form. */
export async function post(
  endpoint: string,
  form: Readonly<Record<string, string>>,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  return read(await fetch(endpoint, { method: 'POST', body: new URLSearchParams(form), headers }));
}

/** The query of a call signed over the given pairs in exactly this order, as this client spells them. */
export function signedQuery(pairs: readonly (readonly [string, string])[], secretKey: string): string {
  const text = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  const signature = createHmac('sha1', secretKey).update(text.toLowerCase()).digest('base64');
  return `${text}&signature=${encodeURIComponent(signature)}`;
}

/** The cookies that an answer sets, as a client sends them back. */
export function cookiesOf(answer: RawAnswer): string {
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0] ?? '')
    .join('; ');
}
