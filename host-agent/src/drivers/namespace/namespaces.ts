// Network namespaces and the processes in them.
import { CommandError, type CommandRunner } from '@isthmus/host';
import { type Link, namespaceLinks } from '../../wiring/links.ts';
import { isNamespaceOf } from '../../wiring/names.ts';
import { processesOf } from './processes.ts';

/**
 * Makes the namespace where it is absent, without IPv6, its loopback up, and answers with its devices. A name that leads
 * nowhere is replaced.
 */
export async function ensureNamespace(commands: CommandRunner, namespace: string): Promise<Link[]> {
  const links = await namespaceLinks(commands, namespace);
  if (links === 'broken') await commands.run('ip', ['netns', 'delete', namespace]);
  if (Array.isArray(links) && links.some(({ name, up }) => name === 'lo' && up)) return links;
  if (!Array.isArray(links)) await commands.run('ip', ['netns', 'add', namespace]);
  const sysctl = ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1'];
  await commands.run('nsenter', [`--net=/run/netns/${namespace}`, '--', 'sysctl', '-qw', ...sysctl]);
  // Last, since a loopback that is up is the mark of a finished namespace.
  await commands.run('ip', ['-netns', namespace, 'link', 'set', 'dev', 'lo', 'up']);
  return Array.isArray(links) ? links : [];
}

/** Ends every process in the namespaces, then removes them with their devices. No error where one is absent. */
export async function removeNamespaces(commands: CommandRunner, namespaces: readonly string[]): Promise<void> {
  for (const pids of processesOf(namespaces).values()) for (const pid of pids) commands.signal(pid, 'SIGKILL');
  const input = namespaces.map((name) => `netns delete ${name}\n`).join('');
  const result = await commands.run('ip', ['-force', '-batch', '-'], { input, okCodes: [0, 1] });
  const faults = result.stderr
    .split('\n')
    .filter((line) => !/^$|No such file or directory$|^Command failed /.test(line));
  if (faults.length > 0) throw new CommandError('ip -force -batch -', { ...result, timedOut: false });
}

/** Names of the namespaces that this installation made. */
export async function listNamespaces(commands: CommandRunner, installation: string): Promise<string[]> {
  const { stdout } = await commands.run('ip', ['-json', 'netns', 'list']);
  const namespaces = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as { name: string }[];
  return namespaces.map(({ name }) => name).filter((name) => isNamespaceOf(installation, name));
}
