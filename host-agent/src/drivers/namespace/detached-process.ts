// A process that outlives the host agent, told by its command line alone: what is found there is true at any moment, also
// after a host agent that was killed between a start and its note of it.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Host } from '@isthmus/host';
import { HostAgentError } from '../../errors.ts';

const killedWithinMs = 5000;

/** A process of this machine: a process id alone may be another's by now. `startTime` is in clock ticks since the boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

function readOf(pid: number, name: 'cmdline' | 'stat'): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** Null where there is none; a zombie is none. Fields of proc_pid_stat(5), whose second may hold anything. */
function statOf(pid: number): { readonly parent: number; readonly startTime: string } | null {
  const fields = readOf(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
  const [state = 'X', parent = '0'] = fields;
  if (fields.length < 20 || state === 'Z' || state === 'X') return null;
  return { parent: Number(parent), startTime: fields[19] ?? '' };
}

/** True until the process ends. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return statOf(pid)?.startTime === startTime;
}

/** The process with this id; null where there is none. */
export function processWith(pid: number): ProcessIdentity | null {
  const stat = statOf(pid);
  return stat === null ? null : { pid, startTime: stat.startTime };
}

/** The namespace of process ids that a process is in (namespaces(7)); '' where it has ended. */
function pidNamespaceOf(process: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${process}/ns/pid`);
  } catch {
    return '';
  }
}

/**
 * Processes whose command line `isOurs` knows. None in a namespace of process ids of its own: in the shell of an instance
 * anybody gives a process whatever command line. Without children that have not become another program yet.
 */
export function findProcesses(isOurs: (words: readonly string[]) => boolean): ProcessIdentity[] {
  const found = new Map<number, { readonly parent: number; readonly startTime: string }>();
  const own = pidNamespaceOf('self');
  for (const name of readdirSync('/proc')) {
    if (!/^[1-9]\d*$/.test(name) || !isOurs(readOf(Number(name), 'cmdline').split('\0'))) continue;
    const stat = pidNamespaceOf(Number(name)) === own ? statOf(Number(name)) : null;
    if (stat !== null) found.set(Number(name), stat);
  }
  return [...found].filter(([, { parent }]) => !found.has(parent)).map(([pid, { startTime }]) => ({ pid, startTime }));
}

/**
 * Ends processes, by force what has not ended after `graceMs`. Resolves when they are known to have ended. Throws
 * HostAgentError (`failed`).
 */
export async function endProcesses(host: Host, processes: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  const { clock, commands } = host;
  const began = clock.monotonicMs();
  const living = () => processes.filter(isAlive);
  for (const { pid } of living()) commands.signal(pid, graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
  for (let left = living(); left.length > 0; left = living()) {
    const afterMs = clock.monotonicMs() - began;
    if (afterMs > graceMs) for (const { pid } of left) commands.signal(pid, 'SIGKILL');
    if (afterMs > graceMs + killedWithinMs) {
      const pids = left.map(({ pid }) => pid).join(', ');
      throw new HostAgentError('failed', `process ${pids}: expected it to end by SIGKILL`);
    }
    await clock.sleep(10);
  }
}
