// What runs in a tenant's instance: a DHCP client per NIC and a small HTTP server, all of busybox (about 1 MB each).
// They are detached daemons, told by process id files, and outlive the host agent.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { InstanceSpec, Nic } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { addressOf } from '../../wiring/names.ts';
import { processesOf, wordsOf } from './processes.ts';

/** Where an instance's files lie. `shared` holds the programs that all instances run; `names` its files for `ip netns exec`. */
export interface InstancePaths {
  readonly run: string;
  readonly shared: string;
  readonly names: string;
}

interface DaemonName {
  readonly name: string;
  readonly program: string;
}

interface Daemon extends DaemonName {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Beside the bundle that this is part of (npm run bundle:host), or in the checkout. */
function assetsFolder(): string {
  const beside = fileURLToPath(new URL('./assets/', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../../assets/', import.meta.url));
}

/** Writes the programs that instances run to where a process without privileges can read them. */
export async function installInstancePrograms(host: Host, shared: string): Promise<void> {
  const copies = [
    ['dhcp-event.sh', `${shared}/dhcp-event`],
    ['instance-shell.sh', `${shared}/instance-shell`],
    // busybox httpd answers `/` by this name where there is no index.html.
    ['http-answer.sh', `${shared}/www/cgi-bin/index.cgi`],
  ] as const;
  const assets = assetsFolder();
  await host.files.makeDirectory(`${shared}/www/cgi-bin`);
  for (const [asset, path] of copies) {
    const text = await host.files.readText(`${assets}${asset}`);
    if ((await host.files.readTextIfExists(path)) !== text) await host.files.writeText(path, text, { mode: 0o755 });
  }
}

function leasePath({ run }: InstancePaths, nic: string): string {
  return `${run}/lease.${nic}`;
}

const serverName: DaemonName = { name: 'http', program: 'busybox' };

function clientName({ name }: Nic): DaemonName {
  return { name: `udhcpc.${name}`, program: 'udhcpc' };
}

function daemonNames(nics: readonly Nic[]): DaemonName[] {
  return [serverName, ...nics.map(clientName)];
}

function daemonsOf({ hostname, nics }: InstanceSpec, paths: InstancePaths): Daemon[] {
  const server: Daemon = {
    ...serverName,
    args: ['httpd', '-f', '-p', '0.0.0.0:80', '-h', `${paths.shared}/www`, '-u', 'nobody:nogroup'],
    env: { ISTHMUS_HOSTNAME: hostname },
  };
  const clients = nics.map((nic, index) => ({
    ...clientName(nic),
    // Tries for ever, with pauses: the router may come later than its guests.
    args: [
      ...['-f', '-i', nic.name, '-s', `${paths.shared}/dhcp-event`, '-x', `hostname:${hostname}`],
      ...['-O', 'mtu', '-t', '4', '-T', '1', '-A', '2'],
    ],
    env: {
      ISTHMUS_LEASE: leasePath(paths, nic.name),
      ISTHMUS_RESOLV_CONF: `${paths.names}/resolv.conf`,
      ISTHMUS_METRIC: String(100 + index),
    },
  }));
  return [server, ...clients];
}

function pidPath({ run }: InstancePaths, daemon: DaemonName): string {
  return `${run}/${daemon.name}.pid`;
}

/** Whether a command line is that of an instance's daemon, and not of its shell (consoles/instance-shells.ts). */
function isDaemon([program = '', applet]: readonly string[]): boolean {
  return program === 'udhcpc' || (program === 'busybox' && applet === 'httpd');
}

async function runningPid(host: Host, paths: InstancePaths, daemon: DaemonName): Promise<number | null> {
  const pid = Number((await host.files.readTextIfExists(pidPath(paths, daemon))) ?? 'none');
  if (!Number.isInteger(pid) || pid < 2) return null;
  return (await host.commands.isRunning(pid, daemon.program)) ? pid : null;
}

/**
 * Starts those daemons that do not run. `inside` is the instance's namespace, `namespace` its name. A daemon that no
 * process id file tells, left by a host agent killed in between, is ended first.
 */
export async function ensureInstanceDaemons(
  host: Host,
  inside: Host,
  namespace: string,
  spec: InstanceSpec,
  paths: InstancePaths,
): Promise<void> {
  await host.files.makeDirectory(paths.run);
  await host.files.makeDirectory(paths.names);
  const resolvConf = `${paths.names}/resolv.conf`;
  if (!(await host.files.exists(resolvConf))) await host.files.writeText(resolvConf, '');
  const daemons = daemonsOf(spec, paths);
  const there = processesOf([namespace]).get(namespace) ?? [];
  const pids = await Promise.all(daemons.map((daemon) => runningPid(host, paths, daemon)));
  const adopted = pids.map((pid) => (pid !== null && there.includes(pid) ? pid : null));
  for (const pid of there) {
    if (isDaemon(wordsOf(pid)) && !adopted.includes(pid)) host.commands.signal(pid, 'SIGKILL');
  }
  for (const [index, daemon] of daemons.entries()) {
    if (adopted[index] !== null) continue;
    const { name, program, args, env } = daemon;
    const pid = await inside.commands.startDaemon(program, args, { logPath: `${paths.run}/${name}.log`, env });
    await host.files.writeText(pidPath(paths, daemon), `${pid}\n`);
  }
}

/** True where every daemon of an instance with these NICs runs. */
export async function areInstanceDaemonsAlive(
  host: Host,
  nics: readonly Nic[],
  paths: InstancePaths,
): Promise<boolean> {
  const daemons = daemonNames(nics);
  const pids = await Promise.all(daemons.map((daemon) => runningPid(host, paths, daemon)));
  return !pids.includes(null);
}

/** The address that DHCP gave to the instance's first NIC; null until then. */
export async function leasedAddress(host: Host, spec: InstanceSpec, paths: InstancePaths): Promise<string | null> {
  const [first] = spec.nics;
  return first === undefined ? null : addressOf(await host.files.readTextIfExists(leasePath(paths, first.name)));
}
