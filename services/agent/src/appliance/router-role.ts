// A router as an appliance: the apply pipeline over the services of a router.
import { ApplianceStateSchema, type Identity, type Push, validator } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { createRouterServices, widenNeighbourTables } from '@isthmus/router';
import { type Agent, createAgent } from '../agent.ts';
import { carryOut } from '../operations.ts';
import { RefusedError } from '../refused-error.ts';
import type { FirstPush } from './identity-store.ts';
import { controlPath } from './network.ts';
import { checkedBody } from './request-error.ts';
import type { ApplianceRole, Route, Served } from './role.ts';

const stateValidator = validator(ApplianceStateSchema);
const operationPath = 'POST /v1/operations/';

/** True where the drive's push belongs on top of what is on disk. */
function isNewerPush(push: FirstPush, stored: Identity | null): push is Push {
  if (push === null) return false;
  if (stored === null || stored.epoch !== push.target.epoch) return true;
  return push.target.generation > stored.generation;
}

type RouterAgent = Pick<Agent, 'push' | 'status' | 'exportState' | 'importState' | 'operate'>;

/** The paths that the control API of a router has besides those of every appliance. */
export function routerRoutes(agent: RouterAgent): (name: string) => Route | undefined {
  const routes: Readonly<Record<string, Route>> = {
    // Its shape is the agent's to check, which names the paths of the document.
    'POST /v1/push': (body) => agent.push(body),
    'GET /v1/state': () => agent.exportState(),
    'PUT /v1/state': (body) => agent.importState(checkedBody(stateValidator, body)),
  };
  return (name) => {
    if (name.startsWith(operationPath)) return (body) => carryOut(agent, name.slice(operationPath.length), body);
    return Object.hasOwn(routes, name) ? routes[name] : undefined;
  };
}

async function beginRouter(agent: Agent, push: FirstPush, host: Host): Promise<void> {
  if (isNewerPush(push, agent.stored)) {
    try {
      await agent.push(push);
    } catch (error) {
      const reason = error instanceof RefusedError ? error.message : String(error);
      host.log.error('the document of the config drive was refused', { reason });
    }
  }
  // Applies what is on disk where nothing was pushed or the push was refused, and begins to look after the services.
  await agent.boot();
}

/** Routers: what they serve goes on while their agent starts again. */
export const routerRole: ApplianceRole = {
  kind: 'router',
  keepsPacketFilter: true,
  create: async ({ host, paths, identity, isNewKernel, onServing }): Promise<Served> => {
    const routerPaths = { state: paths.state, run: `${paths.run}/router` };
    const services = createRouterServices({
      host,
      paths: routerPaths,
      namePrefix: identity.installation,
      control: controlPath(identity.control),
      isInside: true,
      isNewKernel,
    });
    const agent = await createAgent({ host, paths: routerPaths, services, isInside: true });
    const route = routerRoutes({
      push: async (push) => {
        const acknowledgement = await agent.push(push);
        onServing(acknowledgement.identity);
        return acknowledgement;
      },
      status: () => agent.status(),
      exportState: () => agent.exportState(),
      importState: (state) => agent.importState(state),
      operate: (name, request) => agent.operate(name, request),
    });
    return {
      get stored() {
        return agent.stored;
      },
      begin: async (push) => {
        await beginRouter(agent, push, host);
        if (agent.serving !== null) onServing(agent.serving);
        // Afterwards, and nobody waits for it: it costs processes, which a router that serves has time for.
        void widenNeighbourTables(host).catch((error: unknown) => {
          host.log.warn('the table of neighbours stays as it is', { error });
        });
      },
      status: () => agent.status(),
      route,
      release: () => agent.release(),
    };
  },
};
