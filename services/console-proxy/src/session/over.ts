// Why a session is over, and what its viewer is told.
import type { CloseReason, ConsoleReason } from '@isthmus/contract';
import type { ViewerEnd } from './viewer.ts';

/** A session, or the opening of one, is over. `detail` is for the log alone. */
export class Over extends Error {
  readonly reason: ConsoleReason;
  readonly detail: string | undefined;

  constructor(reason: ConsoleReason, words: string, options: { detail?: string; cause?: unknown } = {}) {
    super(words, { cause: options.cause });
    this.name = 'Over';
    this.reason = reason;
    this.detail = options.detail;
  }
}

/** The page may come back by itself: what was lost is the way, not the right to it. */
const resumable: readonly ConsoleReason[] = ['target', 'moved', 'slow'];
const closeReasons: Partial<Record<ConsoleReason, CloseReason>> = {
  moved: 'moved',
  slow: 'slow',
  malformed: 'malformed',
  draining: 'draining',
};

/** `isOpen`: whether the page was told `opened`, and so has what it comes back with. */
export function viewerEndOf({ reason, message }: Over, isOpen: boolean): ViewerEnd {
  const close = closeReasons[reason] ?? (isOpen ? 'ended' : 'refused');
  return { reason, message, resumable: isOpen && resumable.includes(reason), close };
}
