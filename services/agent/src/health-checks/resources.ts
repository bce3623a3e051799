// Checks of what a router runs on: processor, memory, disk, connection tracking. With the namespace driver these are the
// host's, but for connection tracking.
import { statfs } from 'node:fs/promises';
import type { HealthCheckSettings } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { CheckFinding, HealthCheck, RouterPaths } from '@isthmus/router';

/** Over which the processor's use is measured. */
const cpuWindowMs = 1000;
const mebibyte = 1024 * 1024;

/** What these checks look at. `limits` are those of the document now. */
export interface Resources {
  readonly host: Host;
  readonly paths: RouterPaths;
  limits(): HealthCheckSettings;
}

function compared(what: string, used: number, limit: number): CheckFinding {
  const detail = `${what}: ${used.toFixed(1)}%, at most ${limit}% expected`;
  return { status: used > limit ? 'FAILURE' : 'SUCCESS', detail };
}

/** Jiffies since the start, by proc(5): all, and those in which the processors had nothing to do. */
function readJiffies(stat: string): { readonly all: number; readonly idle: number } {
  const [line = ''] = stat.split('\n', 1);
  // user nice system idle iowait irq softirq steal; what guests use is part of user.
  const values = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return { all: values.reduce((sum, value) => sum + value, 0), idle: (values[3] ?? 0) + (values[4] ?? 0) };
}

async function checkCpu({ host, limits }: Resources): Promise<CheckFinding> {
  const before = readJiffies(await host.files.readText('/proc/stat'));
  await host.clock.sleep(cpuWindowMs);
  const after = readJiffies(await host.files.readText('/proc/stat'));
  const all = Math.max(1, after.all - before.all);
  return compared('processor in use', 100 * (1 - (after.idle - before.idle) / all), limits().maxCpuPercent);
}

async function checkMemory({ host, limits }: Resources): Promise<CheckFinding> {
  const text = await host.files.readText('/proc/meminfo');
  const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
  const total = kibibytes('MemTotal');
  return compared('memory in use', 100 * (1 - kibibytes('MemAvailable') / total), limits().maxMemoryPercent);
}

async function checkDisk({ paths, limits }: Resources): Promise<CheckFinding> {
  const { freeDiskBytes } = limits();
  const { bavail, bsize } = await statfs(paths.state);
  const free = bavail * bsize;
  const words = `free on the disk: ${Math.floor(free / mebibyte)} MiB`;
  const detail = `${words}, at least ${Math.floor(freeDiskBytes / mebibyte)} MiB expected`;
  return { status: free < freeDiskBytes ? 'FAILURE' : 'SUCCESS', detail };
}

async function checkWritable({ host, paths }: Resources): Promise<CheckFinding> {
  const text = new Date(host.clock.now()).toISOString();
  for (const directory of [paths.state, paths.run]) {
    const path = `${directory}/health-check`;
    await host.files.writeText(path, text);
    const found = await host.files.readText(path);
    await host.files.remove(path);
    if (found !== text) return { status: 'FAILURE', detail: `${directory} does not give back what was written` };
  }
  return { status: 'SUCCESS', detail: 'files are written, read and removed' };
}

async function checkConntrack({ host, limits }: Resources): Promise<CheckFinding> {
  const keys = ['net.netfilter.nf_conntrack_count', 'net.netfilter.nf_conntrack_max'];
  const { stdout } = await host.commands.run('sysctl', ['-n', ...keys]);
  const [count = Number.NaN, max = Number.NaN] = stdout.trim().split('\n').map(Number);
  const { status, detail } = compared(
    'connection tracking table in use',
    (100 * count) / max,
    limits().maxConntrackPercent,
  );
  return { status, detail: `${detail} (${count} of ${max} flows)` };
}

/** The checks by CloudStack's names, and one that it lacks: a full table drops new connections and tells nobody. */
export function resourceChecks(resources: Resources): HealthCheck[] {
  return [
    { name: 'cpu_usage_check.py', kind: 'basic', run: () => checkCpu(resources) },
    { name: 'memory_usage_check.py', kind: 'basic', run: () => checkMemory(resources) },
    { name: 'disk_space_check.py', kind: 'basic', run: () => checkDisk(resources) },
    { name: 'filesystem.writable.test', kind: 'basic', run: () => checkWritable(resources) },
    { name: 'conntrack.usage.test', kind: 'advanced', run: () => checkConntrack(resources) },
  ];
}
