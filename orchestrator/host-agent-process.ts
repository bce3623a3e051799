// The machine's own host agent: a process beside the orchestrator that outlives it.

import { readlink } from 'node:fs/promises';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { DriverName } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import packageJson from '../host-agent/package.json' with { type: 'json' };
import { HostClient, HostUnreachableError } from './drivers/host-client.ts';
import type { Folders } from './installation.ts';

const program = fileURLToPath(new URL('../host-agent/src/main.ts', import.meta.url));

/** URL of the host agent, as addHost takes it. */
export function hostAgentUrl(folders: Folders): string {
  return `unix:${folders.run}/host-agent.sock`;
}

/** The version of the host agent that answers; null where none does. */
async function runningVersion(folders: Folders): Promise<string | null> {
  const client = new HostClient(hostAgentUrl(folders));
  try {
    return (await client.report()).version;
  } catch (error) {
    if (error instanceof HostUnreachableError) return null;
    throw error;
  } finally {
    client.close();
  }
}

/** How this machine's host agent carries routers and instances, in words. */
export async function carrierOf(folders: Folders): Promise<string> {
  const client = new HostClient(hostAgentUrl(folders));
  try {
    const { driver, accelerator } = await client.report();
    if (driver === 'namespace') return 'network namespaces';
    if (accelerator === 'kvm') return 'virtual machines (libvirt, KVM)';
    return 'virtual machines (libvirt), emulated and slow: KVM runs no guest on this machine';
  } finally {
    client.close();
  }
}

function send(folders: Folders, method: 'POST' | 'DELETE', path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: `${folders.run}/host-agent.sock`, method, path, timeout: 120_000 }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        if ((answer.statusCode ?? 500) < 300) return resolve();
        reject(
          new Error(`the host agent answered ${answer.statusCode} to ${method} ${path}: ${Buffer.concat(chunks)}`),
        );
      });
      answer.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`the host agent takes too long over ${method} ${path}`)));
    call.on('error', reject);
    call.end();
  });
}

/** Its work is over in two seconds; a machine that starts many things at once takes longer. */
const [startsWithinMs, endsWithinMs] = [60_000, 30_000];
/** How long another host agent may take to answer, before which the one that was started has ended. */
const answersAfterMs = 5_000;

function failure(folders: Folders, what: string): Error {
  return new Error(`the host agent ${what}; its log is ${folders.state}/host-agent.log`);
}

async function waitUntilItAnswers(host: Host, folders: Folders, pid: number): Promise<void> {
  const begun = host.clock.now();
  for (let seenAt = begun; host.clock.now() < begun + startsWithinMs; await host.clock.sleep(50)) {
    if ((await runningVersion(folders)) !== null) return;
    if (await host.commands.isRunning(pid, process.execPath)) seenAt = host.clock.now();
    else if (host.clock.now() > seenAt + answersAfterMs) throw failure(folders, 'ended while it started');
  }
  throw failure(folders, `did not start within ${startsWithinMs / 1000} s`);
}

async function waitUntilItIsGone(host: Host, folders: Folders): Promise<void> {
  for (const begun = host.clock.now(); host.clock.now() < begun + endsWithinMs; await host.clock.sleep(50)) {
    if ((await runningVersion(folders)) === null) return;
  }
  throw failure(folders, `did not end within ${endsWithinMs / 1000} s`);
}

/** The installation whose host agent it is, and how that carries routers and instances. */
export interface MachineHost {
  readonly id: string;
  readonly driver: DriverName;
}

/** Starts the host agent where none answers; replaces one of another version. Routers and instances go on. */
export async function ensureHostAgent(host: Host, { id, driver }: MachineHost, folders: Folders): Promise<void> {
  const version = await runningVersion(folders);
  if (version === packageJson.version) return;
  if (version !== null) {
    await send(folders, 'POST', '/v1/exit');
    await waitUntilItIsGone(host, folders);
  }
  const pid = await host.commands.startDaemon(
    process.execPath,
    [program, '--installation', id, ...(driver === 'namespace' ? [] : ['--driver', driver])],
    {
      logPath: `${folders.state}/host-agent.log`,
    },
  );
  await waitUntilItAnswers(host, folders, pid);
}

const lookEveryMs = 2_000;

/** True where the host agent that answers runs in this process's network namespace: another's is not ours to start. */
async function isNeighbour(folders: Folders): Promise<boolean> {
  const client = new HostClient(hostAgentUrl(folders));
  try {
    const { pid } = await client.report();
    return (await readlink(`/proc/${pid}/ns/net`)) === (await readlink('/proc/self/ns/net'));
  } finally {
    client.close();
  }
}

/** As ensureHostAgent; until `stop` a host agent that dies is started again. */
export async function keepHostAgent(
  host: Host,
  machine: MachineHost,
  folders: Folders,
): Promise<{ stop(): Promise<void> }> {
  await ensureHostAgent(host, machine, folders);
  const end = new AbortController();
  if (!(await isNeighbour(folders))) end.abort();
  const keep = async (): Promise<void> => {
    while (!end.signal.aborted) {
      await host.clock.sleep(lookEveryMs, end.signal).catch(() => undefined);
      if (end.signal.aborted) return;
      await ensureHostAgent(host, machine, folders).catch((error: unknown) => {
        host.log.error('the host agent does not start; trying again', { error });
      });
    }
  };
  const keeping = keep();
  return {
    stop: async () => {
      end.abort(new Error('the orchestrator ends'));
      await keeping;
    },
  };
}

/** Removes every router, instance and bridge of the installation, and ends its host agent. */
export async function destroyHost(host: Host, machine: MachineHost, folders: Folders): Promise<void> {
  // One that does not run is started: only it knows what it has made.
  await ensureHostAgent(host, machine, folders);
  await send(folders, 'DELETE', '/v1/everything');
  await send(folders, 'POST', '/v1/exit');
  await waitUntilItIsGone(host, folders);
}
