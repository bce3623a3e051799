// The life of the host agent's process: claim, open, listen, end.
import { chmod } from 'node:fs/promises';
import { createHost, type Host } from '@isthmus/host';
import { createRouterServices } from '@isthmus/router';
import packageJson from '../package.json' with { type: 'json' };
import { createServer } from './api/server.ts';
import { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { HostAgent } from './host-agent.ts';
import { claimInstallation } from './single-instance.ts';
import { SegmentBridges } from './wiring/segment-bridges.ts';

/** What the host agent is started with; both directories absolute. */
export interface RunOptions {
  readonly installation: string;
  readonly state: string;
  readonly run: string;
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
  const { installation, state, run } = options;
  const host = options.host ?? createHost();
  if (!(await claimInstallation(installation, socketPath(run), host.clock))) {
    throw new Error(`installation ${installation}: its host agent runs already (process id in ${pidPath(run)})`);
  }
  const { version } = packageJson;
  const bridges = new SegmentBridges(host.commands, installation);
  const driver = new NamespaceDriver({ host, installation, state, run, bridges });
  const context = { host, installation, state, run, version, bridges, tunnels: null, driver };
  const agent = new HostAgent({ ...context, createServices: createRouterServices });
  await agent.open();
  const end = new AbortController();
  const server = createServer(agent, { exit: () => end.abort() });
  // Bound under another name first: nobody but root may connect at any moment, nor find a socket that nobody answers.
  const listening = `${run}/.host-agent.sock.new`;
  await host.files.remove(listening);
  await server.listen({ path: listening });
  await chmod(listening, 0o600);
  await host.files.writeText(pidPath(run), `${process.pid}\n`);
  await host.files.rename(listening, socketPath(run));
  host.log.info('the host agent serves', { installation, socket: socketPath(run), pid: process.pid });
  await aborted(AbortSignal.any([signal, end.signal]));
  await server.close();
  await agent.release();
  await Promise.all([host.files.remove(socketPath(run)), host.files.remove(pidPath(run))]);
  host.log.info('the host agent has ended; routers and instances go on', { installation });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
