// Every way in which the host agent says no. server.ts turns them into a HostError and an HTTP status.
import type { HostError, Refusal } from '@isthmus/contract';

/**
 * A request that cannot be served. `invalid`: the request is at fault; `not-found`: no such thing on this host;
 * `conflict`: it contradicts what is on the host; `failed`: a step on the host failed and may be tried again.
 */
export class HostAgentError extends Error {
  readonly code: HostError['code'];
  readonly detail: string | undefined;

  constructor(code: HostError['code'], message: string, options: ErrorOptions & { detail?: string } = {}) {
    super(message, options);
    this.name = 'HostAgentError';
    this.code = code;
    this.detail = options.detail;
  }
}

/** A push that the appliance's agent refused; `refusal` is the answer's body. */
export class PushRefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(refusal.message, options);
    this.name = 'PushRefusedError';
    this.refusal = refusal;
  }
}
