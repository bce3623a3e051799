// A request to the control API that is at fault itself.
import type { HostError, Validator } from '@isthmus/contract';

/** Answered with the status of its code and its message. */
export class RequestError extends Error {
  readonly code: HostError['code'];

  constructor(code: HostError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RequestError';
    this.code = code;
  }
}

/**
 * A body that fits. Throws RequestError, which does not repeat the values: a grant may hold what is nobody's to read.
 */
export function checkedBody<Value>(check: Validator<Value>, body: unknown): Value {
  if (check.check(body)) return body;
  const faults = check.faults(body).map(({ path, message }) => `${path === '' ? 'body' : path}: ${message}`);
  throw new RequestError('invalid', faults.join('; '));
}
