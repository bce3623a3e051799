// The steps of one change over all services, in an order that fails closed, and the way back.
import type { Log } from '@isthmus/host';
import type { DocumentChange, DocumentFault, RouterService, ServicePlan } from '@isthmus/router';
import { messageOf } from './message-of.ts';
import { StepError } from './step-error.ts';

/** One service's work for a change. */
interface Work {
  readonly service: RouterService;
  readonly plan: ServicePlan;
}

/** How a change that did not go through left the services. */
export class PipelineError extends Error {
  /** The step that failed, and why. */
  readonly failure: unknown;
  /** False where a service could not restore its last good state, so that what it serves is not known. */
  readonly restored: boolean;

  constructor(failure: unknown, restored: boolean) {
    super(messageOf(failure), { cause: failure });
    this.name = 'PipelineError';
    this.failure = failure;
    this.restored = restored;
  }
}

async function step(work: Work, name: 'stage' | 'apply' | 'verify' | 'commit'): Promise<void> {
  try {
    await work.plan[name]();
  } catch (error) {
    throw new StepError(work.service.name, name, error);
  }
}

function planOf(service: RouterService, change: DocumentChange): Work[] {
  try {
    const plan = service.plan(change);
    return plan === null ? [] : [{ service, plan }];
  } catch (error) {
    throw new StepError(service.name, 'plan', error);
  }
}

/** What the services have to say against a change, each fault with the service that found it. Throws StepError. */
export function faultsOf(
  services: readonly RouterService[],
  change: DocumentChange,
): (DocumentFault & { readonly service: string })[] {
  return services.flatMap((service) => {
    try {
      return service.check(change).map((fault) => ({ ...fault, service: service.name }));
    } catch (error) {
      throw new StepError(service.name, 'check', error);
    }
  });
}

/** In reverse order. Answers whether every service is back where it was. */
async function revert(works: readonly Work[], log: Log): Promise<boolean> {
  let restored = true;
  for (const { service, plan } of works.toReversed()) {
    try {
      await plan.revert();
    } catch (error) {
      restored = false;
      log.error('could not restore the last good state', { service: service.name, error });
    }
  }
  return restored;
}

/**
 * Brings a change into force: stages everything before anything is applied, applies in the order of `services`, verifies,
 * and calls `persist`. Throws PipelineError, by which time every service has been asked to restore its last good state.
 * Past `persist` there is no way back: what fails in commit is answered in `committed: false` and the new state serves.
 */
export async function runPipeline(
  services: readonly RouterService[],
  change: DocumentChange,
  persist: () => Promise<void>,
  log: Log,
): Promise<{ readonly committed: boolean }> {
  const works: Work[] = [];
  try {
    for (const service of services) works.push(...planOf(service, change));
    for (const name of ['stage', 'apply', 'verify'] as const) {
      for (const work of works) await step(work, name);
    }
    await persist();
  } catch (error) {
    throw new PipelineError(error, await revert(works, log));
  }
  let committed = true;
  for (const work of works) {
    try {
      await step(work, 'commit');
    } catch (error) {
      committed = false;
      log.error('commit failed; the new state serves', { service: work.service.name, error });
    }
  }
  return { committed };
}

/**
 * Applies a document at boot, service by service: what one service cannot take leaves those before it serving, and those
 * after it untouched, since the order fails closed. Throws StepError.
 */
export async function applyInTurn(services: readonly RouterService[], change: DocumentChange): Promise<void> {
  for (const service of services) {
    for (const work of planOf(service, change)) {
      for (const name of ['stage', 'apply', 'verify', 'commit'] as const) await step(work, name);
    }
  }
}
