// One HTTP exchange with JSON bodies, with an end to its time and to the size of its answer.
import { type IncomingMessage, request } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HostErrorSchema, RefusalSchema, validator } from '@isthmus/contract';
import type { ControlAgent } from './control-connection.ts';
import { HostRefusedError, PushRefusedError } from './errors.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** A call. `body` is sent as JSON; `bytes` as they are. */
export interface Call {
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
  readonly bytes?: { readonly source: Readable; readonly length: number };
  /** From the call to the end of its answer. */
  readonly timeoutMs: number;
  /** Ends the call early, with its reason. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** More than any agent has to say; a hostile one is not read further. */
const mostAnswerBytes = 32 * 1024 * 1024;

const refusal = validator(RefusalSchema);
const hostError = validator(HostErrorSchema);

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > mostAnswerBytes) throw new Error(`an answer of more than ${mostAnswerBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A connection that was kept turned out to be closed by its peer. */
class StaleConnectionError extends Error {}

/**
 * Sends the call and reads the answer whole. Rejects with the connection's own error. Every call may be repeated, as it
 * is where a connection that was kept turns out to be closed.
 */
export async function exchange(agent: ControlAgent, call: Call): Promise<Answer> {
  agent.prune();
  try {
    return await attempt(agent, call);
  } catch (error) {
    if (!(error instanceof StaleConnectionError)) throw error;
  }
  agent.retire();
  return attempt(agent, call);
}

async function attempt(agent: ControlAgent, call: Call): Promise<Answer> {
  const { method, path, body, bytes, timeoutMs, signal } = call;
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const type = bytes === undefined ? 'application/json' : 'application/octet-stream';
  const length = bytes?.length ?? payload?.length;
  const headers = length === undefined ? {} : { 'content-type': type, 'content-length': String(length) };
  const ended = AbortSignal.any([...(signal === undefined ? [] : [signal]), AbortSignal.timeout(timeoutMs)]);
  ended.throwIfAborted();
  const message = request({ host: 'control', method, path, headers, agent });
  const end = () => message.destroy(endReason(ended.reason, timeoutMs));
  ended.addEventListener('abort', end, { once: true });
  try {
    const answered = new Promise<Answer>((resolve, reject) => {
      message.on('error', (error) => {
        const isClosed = 'code' in error && ['ECONNRESET', 'EPIPE'].includes(String(error.code));
        reject(isClosed && message.reusedSocket && bytes === undefined ? new StaleConnectionError() : error);
      });
      message.on('response', (response) => {
        read(response).then((text) => resolve({ status: response.statusCode ?? 500, text }), reject);
      });
    });
    if (bytes === undefined) message.end(payload);
    // An answer before the end of the bytes, such as that they are there already, is the answer.
    else pipeline(bytes.source, message).catch((error: unknown) => message.destroy(asError(error)));
    return await answered;
  } finally {
    ended.removeEventListener('abort', end);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function endReason(reason: unknown, timeoutMs: number): Error {
  const isTimeout = reason instanceof Error && reason.name === 'TimeoutError';
  return isTimeout ? new Error(`no answer within ${timeoutMs / 1000} s`) : asError(reason);
}

/**
 * The body of an answer that fits `check` (null: any). Throws PushRefusedError and HostRefusedError for what was refused;
 * `who` is in the sentence where the answer itself has none.
 */
export function answerOf<Body>(
  who: string,
  { method, path }: Pick<Call, 'method' | 'path'>,
  { status, text }: Answer,
  check: { check(value: unknown): value is Body } | null,
): Body {
  const body = text === '' ? null : parse(text);
  if (status === 409 && refusal.check(body)) throw new PushRefusedError(body);
  if (status >= 300) {
    if (!hostError.check(body))
      throw new HostRefusedError(`${who} answered ${status} to ${method} ${path}`, status === 404);
    const detail = body.detail === undefined ? '' : `: ${body.detail}`;
    throw new HostRefusedError(`${body.message}${detail}`, body.code === 'not-found');
  }
  if (check !== null && !check.check(body)) {
    throw new HostRefusedError(`${who}: its answer to ${method} ${path} does not fit its schema`, false);
  }
  return body as Body;
}

/** Undefined where the text is not JSON: it fits no schema then. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
