// What an agent does on request by itself: health checks and diagnostics.
import type { AgentStatus, Operations, RouterDocument } from '@isthmus/contract';
import { defaultHealthChecks } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { RouterPaths, RouterService } from '@isthmus/router';
import packageJson from '../package.json' with { type: 'json' };
import { diagnosticsBundle } from './diagnostics/bundle.ts';
import { runTool } from './diagnostics/run-tool.ts';
import { HealthChecks } from './health-checks/health-checks.ts';
import { listenerChecks } from './health-checks/listeners.ts';
import { resourceChecks } from './health-checks/resources.ts';

/** What these operations see of the agent. */
export interface AgentView {
  readonly host: Host;
  readonly paths: RouterPaths;
  readonly services: readonly RouterService[];
  readonly isInside: boolean;
  /** Null until a document is in force. */
  document(): RouterDocument | null;
  status(): Promise<AgentStatus>;
  heal(service: RouterService): Promise<void>;
}

/** The operations, and the checks behind them, to be watched. */
export interface OwnOperations {
  readonly operations: Operations;
  readonly health: HealthChecks;
}

export function createOwnOperations(view: AgentView): OwnOperations {
  const { host, services, isInside } = view;
  const settings = () => view.document()?.settings.system.healthChecks;
  const statistics = async () => {
    const operation = services.find((each) => each.operations?.['load-balancer-statistics'] !== undefined)?.operations;
    return (await operation?.['load-balancer-statistics']?.({})) ?? null;
  };
  const health = new HealthChecks({
    clock: host.clock,
    log: host.log,
    services,
    checks: [
      ...resourceChecks({ host, paths: view.paths, limits: () => settings() ?? defaultHealthChecks }),
      ...listenerChecks({ host, isInside, document: () => view.document(), statistics }),
    ],
    settings,
    heal: (service) => view.heal(service),
  });
  const sources = {
    host,
    services,
    version: packageJson.version,
    status: () => view.status(),
    lastHealth: () => health.results(false),
  };
  return {
    health,
    operations: {
      'health-checks': async ({ fresh }) => {
        const results = await health.results(fresh);
        return { results, now: new Date(host.clock.now()).toISOString() };
      },
      diagnostics: (request) => runTool(host.commands, request),
      'diagnostics-data': (request) => diagnosticsBundle(sources, request),
    },
  };
}
