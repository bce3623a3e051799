// The life of the host agent's process: claim, open, listen, end.
import { chmod } from 'node:fs/promises';
import type { DriverName } from '@isthmus/contract';
import { createHost, type Host } from '@isthmus/host';
import type { Ipv4Address } from '@isthmus/net';
import { createRouterServices, widenNeighbourTables } from '@isthmus/router';
import type { FastifyInstance } from 'fastify';
import packageJson from '../package.json' with { type: 'json' };
import { serveCertificates } from './api/identity-routes.ts';
import { createServer } from './api/server.ts';
import { createLibvirtDriver } from './drivers/libvirt/libvirt-driver.ts';
import { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { HostAgent } from './host-agent.ts';
import { HostCertificates } from './identity/host-certificates.ts';
import type { HostIdentity } from './identity/host-identity.ts';
import { HostTransport } from './identity/host-transport.ts';
import { Listener } from './identity/listener.ts';
import { openLoneMembership, openMembership } from './identity/membership.ts';
import { imagePathOf } from './image-cache.ts';
import { claimInstallation } from './single-instance.ts';
import { SegmentBridges } from './wiring/segment-bridges.ts';
import { Tunnels } from './wiring/tunnels.ts';

/** Where a host agent serves other machines. */
export interface ListenOptions {
  readonly address: Ipv4Address;
  readonly port: number;
}

/**
 * What the host agent is started with; both directories absolute. `listen`: serves orchestrators of other machines there,
 * by mutual TLS, once it has joined by `joinToken`, or by the one in `joinFile`, which is removed. `tunnelAddress`: takes part in the zone's VXLAN with that address.
 */
export interface RunOptions {
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly driver?: DriverName;
  readonly listen?: ListenOptions;
  readonly joinToken?: string;
  readonly joinFile?: string;
  readonly tunnelAddress?: Ipv4Address;
  /** Absolute path of what console proxies in namespaces run. Default: what lies beside this program. */
  readonly consoleProxyProgram?: string;
  readonly host?: Host;
}

/** Path of the host agent's socket in its run directory. */
export function socketPath(run: string): string {
  return `${run}/host-agent.sock`;
}

/** Path of the file that holds the host agent's process id. */
export function pidPath(run: string): string {
  return `${run}/host-agent.pid`;
}

/**
 * Serves until `signal` or POST /v1/exit; routers and instances go on. Throws where another host agent of this
 * installation runs already in this network namespace.
 */
export async function runHostAgent(options: RunOptions, signal: AbortSignal): Promise<void> {
  const { installation, run } = options;
  const host = options.host ?? createHost();
  if (!(await claimInstallation(installation, socketPath(run), host.clock))) {
    throw new Error(`installation ${installation}: its host agent runs already (process id in ${pidPath(run)})`);
  }
  const { listen: where } = options;
  const membership = await (where === undefined
    ? openLoneMembership(host.files, options)
    : openMembership(host.files, host.log, options));
  let identity: () => HostIdentity | null = () => null;
  const transport = new HostTransport(host.log, () => identity(), where !== undefined);
  const agent = await openAgent(options, host, transport);
  const end = new AbortController();
  const app = createServer(agent, () => end.abort());
  const listener = where === undefined ? null : new Listener({ ...where, ...membership, app, agent, log: host.log });
  if (listener === null) {
    const certificates = new HostCertificates(membership.store, membership.membership, () => undefined);
    serveCertificates(app, certificates);
    identity = () => certificates.identity;
  } else identity = () => listener.identity;
  await listen(app, host, run);
  await listener?.listen();
  host.log.info('the host agent serves', { installation, socket: socketPath(run), pid: process.pid });
  await aborted(AbortSignal.any([signal, end.signal]));
  await listener?.close();
  await app.close();
  await agent.release();
  await Promise.all([host.files.remove(socketPath(run)), host.files.remove(pidPath(run))]);
  host.log.info('the host agent has ended; routers and instances go on', { installation });
}

async function openAgent(options: RunOptions, host: Host, transport: HostTransport): Promise<HostAgent> {
  const { installation, state, run, driver: driverName = 'namespace', tunnelAddress, consoleProxyProgram } = options;
  const tunnels =
    tunnelAddress === undefined ? null : new Tunnels({ host, installation, state, address: tunnelAddress });
  await widenNeighbourTables(host);
  await tunnels?.open();
  const bridges = new SegmentBridges(host.commands, installation, tunnels);
  const context = { host, installation, state, run, bridges };
  const imagePath = (sha256: string) => imagePathOf(state, sha256);
  const driver =
    driverName === 'namespace'
      ? new NamespaceDriver(context)
      : await createLibvirtDriver({ ...context, imagePath, migration: transport });
  const { version } = packageJson;
  const more = { version, tunnels, driver, peers: transport, asksFirst: options.listen !== undefined };
  const program = consoleProxyProgram === undefined ? {} : { consoleProxyProgram };
  const agent = new HostAgent({ ...context, ...more, ...program, createServices: createRouterServices });
  await agent.open();
  return agent;
}

/** Bound under another name first: nobody but root may connect at any moment, nor find a socket that nobody answers. */
async function listen(app: FastifyInstance, host: Host, run: string): Promise<void> {
  const listening = `${run}/.host-agent.sock.new`;
  await host.files.remove(listening);
  await app.listen({ path: listening });
  await chmod(listening, 0o600);
  await host.files.writeText(pidPath(run), `${process.pid}\n`);
  await host.files.rename(listening, socketPath(run));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
