import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';

/** The router to diagnose. Throws 431 where it does not run. */
export function runningRouter({ id, state }: EntityRow<'router'>): { id: string } {
  if (state === 'Running') return { id };
  throw parameterError('targetid', id, `a router in state Running, not ${state}`);
}
