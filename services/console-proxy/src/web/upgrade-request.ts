// What a request for a WebSocket has to be before anything is done for it.
import type { IncomingMessage } from 'node:http';
import { consoleSocketPath, consoleSubprotocol, SecretSchema, validator } from '@isthmus/contract';

/** The ticket and the extra token in the address of a client of CloudStack. */
export interface PlainTicket {
  readonly ticket: string;
  readonly extra: string | null;
}

/** `plain`: null where the client speaks the frames of console-socket.ts. */
export interface UpgradeRequest {
  readonly origin: string;
  readonly plain: PlainTicket | null;
}

/** A request that is answered with an HTTP status; `words` are for the log. */
export class RequestRefused extends Error {
  readonly status: 400 | 403 | 404 | 429;

  constructor(status: 400 | 403 | 404 | 429, words: string) {
    super(words);
    this.name = 'RequestRefused';
    this.status = status;
  }
}

const secret = validator(SecretSchema);
const extraLimit = 255;
/** RFC 3986: a name, an IPv4 address or an IPv6 address in brackets, and a port. */
const hostPattern = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

function requireHeaders({ rawHeaders }: IncomingMessage): void {
  const [host, ...moreHosts] = valuesOf(rawHeaders, 'host');
  if (host === undefined || moreHosts.length > 0 || !hostPattern.test(host)) {
    throw new RequestRefused(400, 'not one Host header with a host in it');
  }
  for (const name of ['sec-websocket-key', 'sec-websocket-version', 'upgrade']) {
    if (valuesOf(rawHeaders, name).length !== 1) throw new RequestRefused(400, `not one header ${name}`);
  }
  if (['content-length', 'transfer-encoding'].some((name) => valuesOf(rawHeaders, name).length > 0)) {
    throw new RequestRefused(400, 'a body');
  }
}

function originOf({ rawHeaders }: IncomingMessage, origins: readonly string[]): string {
  const [origin, ...more] = valuesOf(rawHeaders, 'origin');
  if (origin === undefined) throw new RequestRefused(403, 'no Origin header');
  if (more.length > 0) throw new RequestRefused(403, 'more than one Origin header');
  if (!origins.includes(origin)) throw new RequestRefused(403, 'an Origin that is not one of the pages');
  return origin;
}

function plainTicketOf(query: string): PlainTicket {
  const parameters = new URLSearchParams(query);
  const [tokens, extras] = [parameters.getAll('token'), parameters.getAll('extra')];
  const [ticket] = tokens;
  if (tokens.length !== 1 || !secret.check(ticket)) throw new RequestRefused(403, 'not one token that can be one');
  const [extra = null] = extras;
  if (extras.length > 1 || (extra?.length ?? 0) > extraLimit) throw new RequestRefused(403, 'an extra token too many');
  return { ticket, extra };
}

/** True where the client offers the frames of console-socket.ts. */
function speaksFrames(protocols: Iterable<string>): boolean {
  return [...protocols].includes(consoleSubprotocol);
}

/** Throws RequestRefused. What stands in X-Forwarded headers means nothing. */
export function readUpgradeRequest(request: IncomingMessage, origins: readonly string[]): UpgradeRequest {
  const [path, query, ...more] = (request.url ?? '').split('?');
  if (path !== consoleSocketPath || more.length > 0) throw new RequestRefused(404, 'another path');
  requireHeaders(request);
  const origin = originOf(request, origins);
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return { origin, plain: speaksFrames(protocols) ? null : plainTicketOf(query ?? '') };
}
