// An operation as it comes over either API: its name from the path, its request from the body.
import { isOperationName, type OperationName, operations, type Validator, validator } from '@isthmus/contract';
import type { Agent } from './agent.ts';
import { OperationRequestError } from './operation-request-error.ts';

export { OperationRequestError } from './operation-request-error.ts';

const validators = new Map<OperationName, Validator<unknown>>();

/** Compiled when it is first asked for: an appliance's boot is slow enough. */
function validatorOf(name: OperationName): Validator<unknown> {
  const known = validators.get(name) ?? validator(operations[name].request);
  validators.set(name, known);
  return known;
}

/**
 * Checks a request and has the agent carry it out. Throws OperationRequestError, UnsupportedOperationError, or what the
 * operation threw.
 */
export async function carryOut(agent: Pick<Agent, 'operate'>, name: string, body: unknown): Promise<unknown> {
  if (!isOperationName(name)) {
    const expected = Object.keys(operations).join(', ');
    throw new OperationRequestError('not-found', `operations/${name}: expected one of ${expected}`);
  }
  const check = validatorOf(name);
  if (!check.check(body)) {
    const faults = check.faults(body).map(({ path, message }) => `${path === '' ? 'body' : path}: ${message}`);
    throw new OperationRequestError('invalid', `operations/${name}: ${faults.join('; ')}`);
  }
  return agent.operate(name, body as never);
}
