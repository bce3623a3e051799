// Network namespaces and the processes in them.
import type { CommandRunner } from '@isthmus/host';
import { type Link, namespaceLinks } from './links.ts';
import { isNamespaceOf } from './names.ts';

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

/** Process ids in a namespace; empty where it is absent. */
export async function namespaceProcesses(commands: CommandRunner, namespace: string): Promise<number[]> {
  const { stdout } = await commands.run('ip', ['netns', 'pids', namespace], { okCodes: [0, 1, 255] });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** Ends every process in the namespace, then removes it with its devices. No error where it is absent. */
export async function removeNamespace(commands: CommandRunner, namespace: string): Promise<void> {
  if ((await namespaceLinks(commands, namespace)) === 'absent') return;
  for (const pid of await namespaceProcesses(commands, namespace)) commands.signal(pid, 'SIGKILL');
  await commands.run('ip', ['netns', 'delete', namespace]);
}

/** Names of the namespaces that this installation made. */
export async function listNamespaces(commands: CommandRunner, installation: string): Promise<string[]> {
  const { stdout } = await commands.run('ip', ['-json', 'netns', 'list']);
  const namespaces = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as { name: string }[];
  return namespaces.map(({ name }) => name).filter((name) => isNamespaceOf(installation, name));
}
