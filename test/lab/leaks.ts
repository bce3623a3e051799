// What an installation or its lab has left on the machine: nothing, after teardown.
import { readdir, readFile } from 'node:fs/promises';
import type { Host } from '@isthmus/host';

async function names(path: string): Promise<string[]> {
  return readdir(path).catch(() => []);
}

/** Names of the network namespaces of an installation and of its lab. */
export async function namespacesOf(installation: string): Promise<string[]> {
  const prefixes = [`ith-${installation}-`, `lab-${installation}-`];
  return (await names('/run/netns')).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}

async function processes(installation: string): Promise<string[]> {
  const marks = [`/isthmus/${installation}`, `-${installation}-`, `--installation\0${installation}`];
  const pids = (await names('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => ({ pid, line: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') })),
  );
  return lines
    .filter(({ line }) => marks.some((mark) => line.includes(mark)))
    .map(({ pid, line }) => `process ${pid}: ${line.replaceAll('\0', ' ').trim()}`);
}

/** Mount points of the machine in folders of the installation. */
async function mounts(installation: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  const points = lines.map((line) => line.split(' ')[1] ?? '');
  return points.filter((point) => point.includes(`/isthmus/${installation}`)).map((point) => `mount ${point}`);
}

/** Domains in the folders of the machine's own libvirtd, which hypervisors of a lab must not have touched. */
async function domains(installation: string): Promise<string[]> {
  const folders = ['/etc/libvirt/qemu', '/run/libvirt/qemu', '/var/lib/libvirt/qemu', '/var/log/libvirt/qemu'];
  const found = await Promise.all(
    folders.map(async (folder) => (await names(folder)).map((name) => `${folder}/${name}`)),
  );
  return found.flat().filter((path) => path.includes(`ith-${installation}-`));
}

/** Everything of an installation and of its lab that is still on the machine, in words; empty where it is clean. */
export async function findLeaks(host: Host, installation: string): Promise<string[]> {
  const links = (await host.commands.run('ip', ['-brief', 'link', 'show'])).stdout.split('\n');
  const files = ['/var/lib/isthmus', '/run/isthmus'].map(async (directory) =>
    (await names(directory)).filter((name) => name === installation).map((name) => `${directory}/${name}`),
  );
  const resolvers = (await names('/etc/netns')).filter((name) => name.startsWith(`ith-${installation}-`));
  return [
    ...(await namespacesOf(installation)).map((name) => `namespace ${name}`),
    ...links
      .filter((line) => new RegExp(`^(?:${installation}[rinpcv]|lab-${installation})`).test(line))
      .map((line) => `device ${line}`),
    ...(await processes(installation)),
    ...(await Promise.all(files)).flat(),
    ...(await mounts(installation)),
    ...(await domains(installation)),
    ...resolvers.map((name) => `/etc/netns/${name}`),
  ];
}
