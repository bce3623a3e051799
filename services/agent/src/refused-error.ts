import type { Refusal } from '@isthmus/contract';

/** A push was not taken; what was served before it serves on. */
export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(refusal.message, options);
    this.name = 'RefusedError';
    this.refusal = refusal;
  }
}
