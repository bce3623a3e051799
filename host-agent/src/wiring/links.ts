// Reading and changing network devices through ip(8): JSON out, batches in.
import { CommandError, type CommandRunner } from '@isthmus/host';

/** A network device as `ip -details -json link` tells it. `peerIndex` is a veth's other end, in whatever namespace. */
export interface Link {
  readonly name: string;
  readonly index: number;
  readonly kind: string;
  readonly macAddress: string;
  readonly peerIndex: number | null;
  readonly bridge: string | null;
  readonly up: boolean;
  /** True where frames can flow: of a tap, a VM holds it. */
  readonly carrier: boolean;
}

interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address?: string;
  readonly link_index?: number;
  readonly master?: string;
  readonly flags: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string };
}

function read(stdout: string): Link[] {
  const links = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as Partial<IpLink>[];
  // ip(8) prints an empty object for each device that a filter leaves out.
  return links
    .filter((link): link is IpLink => link.ifname !== undefined)
    .map((link) => ({
      name: link.ifname,
      index: link.ifindex,
      kind: link.linkinfo?.info_kind ?? '',
      macAddress: link.address ?? '',
      peerIndex: link.link_index ?? null,
      bridge: link.master ?? null,
      up: link.flags.includes('UP'),
      carrier: link.flags.includes('LOWER_UP'),
    }));
}

/** The device `name` where the runner's commands run; null where there is none. */
export async function findLink(commands: CommandRunner, name: string): Promise<Link | null> {
  const result = await commands.run('ip', ['-details', '-json', 'link', 'show', 'dev', name], { okCodes: [0, 1] });
  if (result.exitCode === 0) return read(result.stdout)[0] ?? null;
  if (/does not exist|Cannot find device/.test(result.stderr)) return null;
  throw new CommandError(`ip link show dev ${name}`, { ...result, timedOut: false });
}

/** Every device where the runner's commands run. */
export async function listLinks(commands: CommandRunner): Promise<Link[]> {
  return read((await commands.run('ip', ['-details', '-json', 'link', 'show'])).stdout);
}

/** The devices of a named namespace; `absent` where there is no such name, `broken` where its name leads nowhere. */
export async function namespaceLinks(
  commands: CommandRunner,
  namespace: string,
): Promise<Link[] | 'absent' | 'broken'> {
  const args = ['-netns', namespace, '-details', '-json', 'link', 'show'];
  const result = await commands.run('ip', args, { okCodes: [0, 1, 255] });
  if (result.exitCode === 0) return read(result.stdout);
  // A name without a namespace behind it is left by a machine that went down between the two steps of `ip netns add`.
  return /No such file/.test(result.stderr) ? 'absent' : 'broken';
}

/** Runs ip(8) commands in order in one process, in `namespace` where given; ends at the first that fails. */
export async function changeLinks(
  commands: CommandRunner,
  changes: readonly string[],
  namespace?: string,
): Promise<void> {
  if (changes.length === 0) return;
  const where = namespace === undefined ? [] : ['-netns', namespace];
  await commands.run('ip', [...where, '-batch', '-'], { input: `${changes.join('\n')}\n` });
}

/** Removes devices. No error where one is absent: the kernel removes those of a namespace that ended in its own time. */
export async function deleteLinks(commands: CommandRunner, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const input = names.map((name) => `link delete dev ${name}\n`).join('');
  const result = await commands.run('ip', ['-force', '-batch', '-'], { input, okCodes: [0, 1] });
  const faults = result.stderr.split('\n').filter((line) => !/^$|^Cannot find device |^Command failed /.test(line));
  if (faults.length > 0) throw new CommandError('ip -force -batch -', { ...result, timedOut: false });
}
