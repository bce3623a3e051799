/** A text or number that is not the value it was read as. `expected` completes the sentence "expected …". */
export class InvalidValueError extends Error {
  readonly value: unknown;
  readonly expected: string;

  constructor(value: unknown, expected: string) {
    super(`${JSON.stringify(value)} is not valid: expected ${expected}`);
    this.name = 'InvalidValueError';
    this.value = value;
    this.expected = expected;
  }
}

/** Runs a parser as a predicate: false where it throws InvalidValueError; any other error passes through. */
export function parses(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof InvalidValueError) return false;
    throw error;
  }
}
