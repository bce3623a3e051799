// How calls of host agents and of appliances' agents fail.
import type { Refusal } from '@isthmus/contract';

/** The host agent did not answer: not there, or not within the time. The call may have had its effect. */
export class HostUnreachableError extends Error {
  constructor(url: string, cause: unknown) {
    super(`the host agent at ${url} does not answer${reasonOf(cause)}`, { cause });
    this.name = 'HostUnreachableError';
  }
}

/** The agent in an appliance did not answer though its host agent does. The call may have had its effect. */
export class ApplianceUnreachableError extends Error {
  constructor(id: string, cause: unknown) {
    super(`the agent of appliance ${id} does not answer${reasonOf(cause)}`, { cause });
    this.name = 'ApplianceUnreachableError';
  }
}

/** The host agent answered that it could not: its own sentence. `notFound` where the appliance or instance is not there. */
export class HostRefusedError extends Error {
  readonly notFound: boolean;

  constructor(message: string, notFound: boolean) {
    super(message);
    this.name = 'HostRefusedError';
    this.notFound = notFound;
  }
}

/** The agent of an appliance refused a push; its last good state serves on. */
export class PushRefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = 'PushRefusedError';
    this.refusal = refusal;
  }
}

/** A peer showed another certificate than its own, or none that counts any more. */
export class PeerIdentityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PeerIdentityError';
  }
}

/** True where the peer's certificate has expired. */
export function isExpiredPeer(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'CERT_HAS_EXPIRED') return true;
  }
  return false;
}

/** What a person has to know of a cause: a peer that is another one is not one that is away. */
function reasonOf(cause: unknown): string {
  if (cause instanceof PeerIdentityError) return `: ${cause.message}`;
  if (!(cause instanceof Error)) return '';
  const code = 'code' in cause ? String(cause.code) : '';
  return code === '' ? `: ${cause.message}` : ` (${code})`;
}
