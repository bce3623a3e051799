// Services that fail to order, for a router by hand (lab/router-document.ts, lab/wired-router.ts).
import type { RouterService, ServicePlan } from '@isthmus/router';

export * from '../lab/router-document.ts';
export * from '../lab/wired-router.ts';

export const failingSteps = ['stage', 'apply', 'verify'] as const;

/**
 * One fault: the step throws before it has done anything, or after it has done everything; or, as in a process that was
 * killed there, it never ends.
 */
export interface Fault {
  readonly service: string;
  readonly step: (typeof failingSteps)[number];
  readonly when: 'before' | 'after' | 'forever after';
}

/** The fault of the moment. `isReached`: a step was done, and will never end. */
export interface Order {
  fault: Fault | null;
  isReached?: boolean;
}

/** Services whose plans fail as `order` says at the moment. */
export function failToOrder(services: readonly RouterService[], order: Order): RouterService[] {
  return services.map((service) => {
    const plan: RouterService['plan'] = (change) => {
      const real = service.plan(change);
      if (real === null) return null;
      const wrapped = (step: Fault['step']) => async () => {
        const { fault } = order;
        const isDue = fault?.service === service.name && fault.step === step;
        if (isDue && fault.when === 'before') throw new Error('fails to order');
        await real[step]();
        if (isDue && fault.when === 'forever after') {
          order.isReached = true;
          await new Promise(() => {});
        }
        if (isDue) throw new Error('fails to order');
      };
      const failing: ServicePlan = {
        stage: wrapped('stage'),
        apply: wrapped('apply'),
        verify: wrapped('verify'),
        commit: () => real.commit(),
        revert: () => real.revert(),
      };
      return failing;
    };
    // The rest is the service's own, with its private state.
    return new Proxy(service, {
      get: (target, key) => {
        if (key === 'plan') return plan;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  });
}
