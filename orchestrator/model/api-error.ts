// The catalogue of the API's errors. `errorcode` is the HTTP status too, as CloudStack has it.

/** CloudStack's error codes. */
export const errorCodes = {
  unauthorized: 401,
  methodNotAllowed: 405,
  malformed: 430,
  parameter: 431,
  unsupported: 432,
  internal: 530,
  account: 531,
  accountLimit: 532,
  insufficientCapacity: 533,
  resourceUnavailable: 534,
  allocation: 535,
  inUse: 536,
  conflict: 537,
} as const;
export type ErrorKind = keyof typeof errorCodes;

/** An error that the caller is told: kind, a sentence that names parameter, value and expectation, and its cause. */
export class ApiError extends Error {
  readonly kind: ErrorKind;
  readonly errorcode: number;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiError';
    this.kind = kind;
    this.errorcode = errorCodes[kind];
  }
}

/** 431 for one parameter. Long values are cut in the text. */
export function parameterError(name: string, value: unknown, expected: string, cause?: unknown): ApiError {
  const shown = JSON.stringify(typeof value === 'string' && value.length > 80 ? `${value.slice(0, 80)}…` : value);
  return new ApiError('parameter', `Invalid value ${shown} for parameter ${name}: expected ${expected}`, { cause });
}
