// What both ways to an agent have in common about its operations.
import { type OperationName, operations, type Validator, validator } from '@isthmus/contract';

/** Diagnostics may take a minute, and a router in a VM under emulation is slow. */
export const operationTimeoutMs = 120_000;

const validators = new Map<OperationName, Validator<unknown>>();

/** Checks an operation's answer. */
export function operationAnswer(name: OperationName): Validator<unknown> {
  const known = validators.get(name) ?? validator(operations[name].answer);
  validators.set(name, known);
  return known;
}
