// What failed in which service, and how the orchestrator is told.
import type { Refusal } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import { CheckError } from '@isthmus/router';
import { messageOf } from './message-of.ts';

/** A step of the pipeline failed in `service`; `step` as ServicePlan names it, or `plan`. */
export class StepError extends Error {
  readonly service: string;
  readonly step: string;

  constructor(service: string, step: string, cause: unknown) {
    super(`${service}: ${step}: ${messageOf(cause)}`, { cause });
    this.name = 'StepError';
    this.service = service;
    this.step = step;
  }
}

function detailOf(error: unknown): string | undefined {
  if (error instanceof CheckError) return error.detail;
  if (error instanceof CommandError) return error.stderr.trim() || error.stdout.trim() || undefined;
  return error instanceof Error && error.cause !== undefined ? detailOf(error.cause) : undefined;
}

/** What the orchestrator is told of a failed step. */
export function refusalOf(error: unknown, serving: Refusal['serving']): Refusal {
  const cause = error instanceof StepError ? error.cause : error;
  const detail = detailOf(cause);
  return {
    code: cause instanceof CheckError ? 'rejected' : 'failed',
    paths: cause instanceof CheckError ? [...cause.paths] : [],
    ...(error instanceof StepError ? { service: error.service } : {}),
    message: messageOf(error),
    ...(detail === undefined ? {} : { detail }),
    serving,
  };
}
