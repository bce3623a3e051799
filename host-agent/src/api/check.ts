// What every path of the API has in common: reading what comes, and saying no.
import { EntryIdSchema, type HostError, type Validator, validator } from '@isthmus/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HostAgentError, PushRefusedError } from '../errors.ts';

const statusOf: Record<HostError['code'], number> = { invalid: 400, 'not-found': 404, conflict: 423, failed: 500 };

const idValidator = validator(EntryIdSchema);

function valueAt(body: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => {
    return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }, body);
}

/** A value that fits the validator's schema. Throws HostAgentError (`invalid`) with field, value and expectation. */
export function checked<Value>(check: Validator<Value>, body: unknown, what: string): Value {
  if (check.check(body)) return body;
  const faults = check.faults(body).map(({ path, message }) => {
    const value = path === '' ? body : valueAt(body, path);
    // A key is never repeated, not even to say that it is none.
    const isSecret = /key|proof|secret/i.test(path) || typeof value === 'object';
    const shown = isSecret ? '' : ` ${JSON.stringify(value)?.slice(0, 100) ?? ''}`;
    return `${path === '' ? what : path}${shown}: ${message}`;
  });
  throw new HostAgentError('invalid', faults.join('; '));
}

/** The id in a request's path. Throws HostAgentError (`invalid`). */
export function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  return checked(idValidator, id, 'id');
}

/** Status and body that an error is answered with. */
export function answerOf(error: unknown): { readonly status: number; readonly body: object } {
  if (error instanceof PushRefusedError) return { status: 409, body: error.refusal };
  const { code, message, detail } = error instanceof HostAgentError ? error : asHostAgentError(error);
  const body: HostError = detail === undefined ? { code, message } : { code, message, detail };
  return { status: statusOf[code], body };
}

/** Answers with an error as HostError. */
export async function sendError(error: unknown, reply: FastifyReply): Promise<void> {
  const { status, body } = answerOf(error);
  await reply.code(status).send(body);
}

/** Fastify's own errors carry a status: below 500 the request was at fault. */
function asHostAgentError(error: unknown): HostAgentError {
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  return new HostAgentError(status < 500 ? 'invalid' : 'failed', message, { cause: error });
}
