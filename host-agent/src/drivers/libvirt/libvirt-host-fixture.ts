// A host for the driver's tests: a network and mount namespace with directories of its own where libvirtd keeps what is
// its own, so that the machine's libvirtd and devices are never touched.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandRunner, createHost, createNamespaceHost, type Files, type Host, silentLog } from '@isthmus/host';
import { SegmentBridges } from '../../wiring/segment-bridges.ts';

const machine = createHost({ log: silentLog });

/** The directories that are the host's own. */
const own = ['/run', '/etc/libvirt', '/var/lib/libvirt', '/var/log/libvirt', '/var/cache/libvirt'];

export interface LibvirtHost {
  readonly host: Host;
  readonly installation: string;
  /** Directories of a host agent. `state` is a file system of its own, of 256 MiB. */
  readonly state: string;
  readonly run: string;
  /** Where the machine sees a file of the host. */
  path(file: string): string;
  bridges(): SegmentBridges;
  /** Makes a namespace with `address`/24 on a bridge, where a DHCP server hands out `lease` to `macAddress`. */
  addNeighbour(bridge: string, address: string, macAddress: string, lease: string): Promise<Host>;
  /** Command lines of the processes that run on it, by process id. */
  processes(): Promise<Map<number, string>>;
  /** Ends every process of it and removes its files. */
  remove(): Promise<void>;
}

async function processesIn(network: string): Promise<Map<number, string>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      if ((await readlink(`/proc/${pid}/ns/net`).catch(() => '')) !== network) return [];
      const words = (await machine.files.readTextIfExists(`/proc/${pid}/cmdline`).catch(() => null)) ?? '';
      return words === '' ? [] : [[Number(pid), words.replaceAll('\0', ' ').trim()] as const];
    }),
  );
  return new Map(found.flat());
}

/** The networks of its named namespaces. */
async function networksOf({ commands, files }: Host): Promise<string[]> {
  const names = await files.list('/run/netns');
  const inodes = names.map((name) => commands.run('stat', ['--format=net:[%i]', `/run/netns/${name}`]));
  return (await Promise.all(inodes)).map(({ stdout }) => stdout.trim());
}

function commandsIn(pid: number): CommandRunner {
  const enter = (file: string, args: readonly string[]) => {
    return [`--net=/proc/${pid}/ns/net`, `--mount=/proc/${pid}/ns/mnt`, '--', file, ...args];
  };
  const { commands } = machine;
  return {
    ...commands,
    run: (file, args, options) => commands.run('nsenter', enter(file, args), options),
    startDaemon: (file, args, options) =>
      commands.startDaemon('nsenter', enter(file, args), {
        ...options,
        logPath: `/proc/${pid}/root${options.logPath}`,
      }),
  };
}

function filesIn(pid: number): Files {
  const at = (path: string) => `/proc/${pid}/root${path}`;
  const { files } = machine;
  return {
    readText: (path) => files.readText(at(path)),
    readTextIfExists: (path) => files.readTextIfExists(at(path)),
    writeText: (path, text, options) => files.writeText(at(path), text, options),
    appendText: (path, text) => files.appendText(at(path), text),
    remove: (path) => files.remove(at(path)),
    rename: (from, to) => files.rename(at(from), at(to)),
    makeDirectory: (path, options) => files.makeDirectory(at(path), options),
    list: (path) => files.list(at(path)),
    exists: (path) => files.exists(at(path)),
  };
}

/** Makes a host. `remove` is the caller's to call, also where a test fails. */
export async function createLibvirtHost(
  installation = `t${randomBytes(2).toString('hex').slice(0, 3)}`,
): Promise<LibvirtHost> {
  const directory = await mkdtemp(join(tmpdir(), 'ith-libvirt-'));
  await machine.commands.run('chmod', ['0755', directory]);
  const words = ['--mount', '--net', '--propagation', 'private', '--', 'sleep', 'infinity'];
  const holder = await machine.commands.startDaemon('unshare', words, { logPath: join(directory, 'holder.log') });
  while (!(await machine.commands.isRunning(holder, 'sleep'))) await machine.clock.sleep(10);
  const host: Host = { ...machine, commands: commandsIn(holder), files: filesIn(holder) };
  for (const path of own) {
    const source = join(directory, path.slice(1).replaceAll('/', '-'));
    await machine.files.makeDirectory(source);
    await machine.files.makeDirectory(path);
    await host.commands.run('mount', ['--bind', source, path]);
  }
  await host.commands.run('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
  await host.commands.run('ip', ['link', 'set', 'dev', 'lo', 'up']);
  const state = '/run/state';
  await host.files.makeDirectory(state);
  await host.commands.run('mount', ['-t', 'tmpfs', '-o', 'size=256m,mode=755', 'tmpfs', state]);
  const network = await readlink(`/proc/${holder}/ns/net`);
  const addNeighbour = async (bridge: string, address: string, macAddress: string, lease: string) => {
    const name = `neighbour-${bridge}`;
    const neighbour = createNamespaceHost(host, name);
    await host.commands.run('ip', ['netns', 'add', name]);
    const plug = [
      `link add name ${bridge}-nb type veth peer name eth0 netns ${name}`,
      `link set dev ${bridge}-nb master ${bridge} up`,
    ];
    await host.commands.run('ip', ['-batch', '-'], { input: `${plug.join('\n')}\n` });
    const up = [`address add ${address}/24 dev eth0`, 'link set dev eth0 up', 'link set dev lo up'];
    await neighbour.commands.run('ip', ['-batch', '-'], { input: `${up.join('\n')}\n` });
    const server = ['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--leasefile-ro', '--bind-interfaces'];
    const range = ['--interface=eth0', `--dhcp-range=${lease},${lease}`, `--dhcp-host=${macAddress},${lease}`];
    await neighbour.commands.startDaemon('dnsmasq', [...server, ...range], { logPath: '/run/dnsmasq.log' });
    return neighbour;
  };
  const processes = async () => {
    const all = await Promise.all([network, ...(await networksOf(host))].map(processesIn));
    return new Map(all.flatMap((each) => [...each]));
  };
  const remove = async () => {
    for (;;) {
      const others = [...(await processes()).keys()].filter((pid) => pid !== holder);
      if (others.length === 0) break;
      for (const pid of others) machine.commands.signal(pid, 'SIGKILL');
      await machine.clock.sleep(20);
    }
    machine.commands.signal(holder, 'SIGKILL');
    while (await machine.commands.isRunning(holder, 'sleep')) await machine.clock.sleep(10);
    await rm(directory, { recursive: true, force: true });
  };
  return {
    host,
    installation,
    state,
    run: '/run/isthmus',
    path: (file) => `/proc/${holder}/root${file}`,
    addNeighbour,
    bridges: () => new SegmentBridges(host.commands, installation),
    processes,
    remove,
  };
}
