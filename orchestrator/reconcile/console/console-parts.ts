// What the flows of consoles have in common: their parts, the session's row, and what a person is told.
import type { ConsoleReason } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import type { ConsoleSessionTable } from '../../store/tables/console.ts';
import type { Parts } from '../parts.ts';

/** A console session's row. */
export type ConsoleSession = Selectable<ConsoleSessionTable>;

/** What the flows of this folder work with. */
export interface ConsoleParts extends Pick<Parts, 'db' | 'log' | 'hosts' | 'setting' | 'sealer'> {
  /** Names this orchestrator. */
  readonly holder: string;
  /** True while this orchestrator's channel to a console proxy is open. */
  readonly isReached: (proxyId: string) => boolean;
}

/** Why somebody is not given a console: the reason for programs and logs, the message for a person. */
export interface Refusal {
  readonly reason: ConsoleReason;
  readonly message: string;
}

/** What a person is told, by the reason. */
export const reasonMessages: Readonly<Record<ConsoleReason, string>> = {
  ticket: 'This link was used already, or has ended.',
  origin: 'This page may not open consoles.',
  address: 'This console opens only from the address that asked for it.',
  limit: 'Too many consoles are open.',
  machine: 'The machine does not run.',
  target: 'The console of the machine does not answer.',
  draining: 'This console proxy takes no more sessions.',
  unavailable: 'The console cannot be reached just now.',
  malformed: 'What was sent is malformed.',
  'taken-over': 'Somebody else has taken the console over.',
  logout: 'You were logged out.',
  revoked: 'You may not see this console any more.',
  destroyed: 'The machine is gone.',
  moved: 'The console is being moved.',
  idle: 'Nothing was typed for too long.',
  absolute: 'The console was open for as long as it may be.',
  slow: 'The connection is too slow.',
  closed: 'The console was closed.',
};
