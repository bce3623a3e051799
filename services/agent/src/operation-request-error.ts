/** A request that names no operation (`not-found`), or does not fit its schema or its purpose (`invalid`). */
export class OperationRequestError extends Error {
  readonly code: 'invalid' | 'not-found';

  constructor(code: 'invalid' | 'not-found', message: string) {
    super(message);
    this.name = 'OperationRequestError';
    this.code = code;
  }
}

/** No service of the router offers the operation. */
export class UnsupportedOperationError extends Error {
  constructor(name: string) {
    super(`operations/${name}: no service of this router offers it`);
    this.name = 'UnsupportedOperationError';
  }
}
