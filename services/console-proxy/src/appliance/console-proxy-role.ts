// A console proxy as an appliance: its document, its channels, its health and the proxy itself, joined.
import {
  type ApplianceRole,
  admit,
  checkedBody,
  type Route,
  type Served,
  type ServedParts,
} from '@isthmus/agent/appliance';
import {
  type AgentStatus,
  type ConsoleProxyDocument,
  consoleDoorPort,
  consolePublicInterface,
  operations,
  type ServiceHealth,
  validator,
} from '@isthmus/contract';
import { parseInterfaceName } from '@isthmus/net';
import { Channels } from '../channel/channels.ts';
import { ConsoleProxy } from '../console-proxy.ts';
import { ConsoleDocument, type DocumentEffects } from '../document/console-document.ts';
import { setKernel } from '../document/kernel-settings.ts';
import { addNetwork, tidyNetwork } from '../document/public-network.ts';
import { doorOf } from '../door.ts';
import { ConsoleHealth } from '../health/console-health.ts';
import type { OpenDoor } from '../session/ports.ts';

const healthRequest = validator(operations['health-checks'].request);

/** What brings a document into force in the network namespace that this process is in. */
function effectsOf({ host, identity }: ServedParts, proxy: ConsoleProxy): DocumentEffects {
  const openPorts = (document: ConsoleProxyDocument | null) =>
    admit(host.commands, identity.control, {
      servers:
        document === null
          ? []
          : [
              {
                interface: parseInterfaceName(consolePublicInterface),
                address: document.publicAddress,
                port: document.port,
              },
            ],
      hostPorts: [consoleDoorPort],
    });
  return {
    // The address comes before its listener, the listener before anybody is let in; what was before goes last.
    apply: async (document) => {
      await addNetwork(host, document);
      await proxy.use(document);
      await openPorts(document);
      await tidyNetwork(host, document);
    },
    withdraw: () => openPorts(null),
  };
}

/** A console proxy of an identity; serves nobody before `begin`, or its first document. */
async function createConsoleProxy(parts: ServedParts): Promise<Served> {
  const { host, identity, paths, onServing } = parts;
  const { clock, log } = host;
  const door = doorOf(identity.control);
  const health: ConsoleHealth = new ConsoleHealth({
    clock,
    log,
    document: () => document.serving?.document ?? null,
    changed: () => channels.report(),
  });
  const channels: Channels = new Channels({
    host,
    end: (session, reason, message) => proxy.end(session, reason, message),
    viewers: (session, mode, viewers) => proxy.viewers(session, mode, viewers),
    report: () => {
      const { sessions, ...load } = proxy.report();
      const tenants = sessions.filter(({ session }) => !health.isOwnSession(session));
      return { ...load, sessions: tenants, healthy: health.last.healthy };
    },
  });
  const openDoor: OpenDoor = async (target, signal) => health.open(target) ?? door(target, signal);
  const proxy: ConsoleProxy = new ConsoleProxy({
    host,
    directory: {
      redeem: async (request) => health.redeem(request) ?? channels.redeem(request),
      choose: (session, mode) => channels.choose(session, mode),
    },
    openDoor,
    ended: (session, reason) => {
      if (!health.isOwnSession(session)) channels.ended(session, reason);
    },
    isOwn: (address, port) => health.isOwn(address, port),
  });
  await setKernel(log);
  const document: ConsoleDocument = await ConsoleDocument.open(host, paths.state, {
    ...effectsOf(parts, proxy),
    inForce: (served) => {
      onServing(served);
      void health.check().then(() => channels.report());
    },
  });
  void health.watch();

  const agentHealth = (): ServiceHealth => ({
    service: 'agent',
    healthy: document.trouble === null,
    detail: document.trouble ?? (document.serving === null ? 'waits for a document' : 'the document is in force'),
    checkedAt: new Date(clock.now()).toISOString(),
  });
  const status = async (): Promise<AgentStatus> => ({
    serving: document.serving?.identity ?? null,
    services: [health.last, agentHealth()],
  });
  const checkHealth = async (fresh: boolean) => {
    const { healthy, detail, checkedAt } = fresh ? await health.check() : health.last;
    const result = { name: 'console', kind: 'advanced', status: healthy ? 'SUCCESS' : 'FAILURE', detail, checkedAt };
    return { results: [result], now: new Date(clock.now()).toISOString() };
  };
  const routes: Readonly<Record<string, Route>> = {
    'PUT /v1/document': (body) => document.take(body),
    'POST /v1/operations/health-checks': (body) => checkHealth(checkedBody(healthRequest, body).fresh),
  };
  return {
    get stored() {
      return document.stored;
    },
    // A console proxy gets its first document by a push: the config drive has none.
    begin: () => document.begin(),
    status,
    route: (name) => (Object.hasOwn(routes, name) ? routes[name] : undefined),
    upgrade: (upgrade) => channels.accept(upgrade),
    release: async () => {
      health.release();
      await document.release();
      await proxy.close();
      channels.close();
    },
  };
}

/** Console proxies: sessions end with their agent, so that nobody is let in while it starts. */
export const consoleProxyRole: ApplianceRole = {
  kind: 'console-proxy',
  keepsPacketFilter: false,
  create: createConsoleProxy,
};
