// Who may send VXLAN to this host: its peers, to its tunnel address. Anyone else could put frames into tenants' networks.
import type { CommandRunner } from '@isthmus/host';
import type { Ipv4Address } from '@isthmus/net';
import { vxlanPort } from './vxlan.ts';

function names(installation: string) {
  return { chain: `ith-${installation}-vxlan`, set: `ith-${installation}-peers`, next: `ith-${installation}-peers-n` };
}

/** As iptables-save(8) writes them. They return rather than accept: the host's own firewall has its say after them. */
function rules(installation: string, local: Ipv4Address): string[] {
  const { chain, set } = names(installation);
  return [`-A ${chain} -d ${local}/32 -m set --match-set ${set} src -j RETURN`, `-A ${chain} -j DROP`];
}

function entry(installation: string): string {
  return `INPUT -p udp -m udp --dport ${vxlanPort} -j ${names(installation).chain}`;
}

/** Brings the guard of one installation into force for exactly these peers. */
export async function ensureTunnelGuard(
  commands: CommandRunner,
  installation: string,
  local: Ipv4Address,
  peers: readonly Ipv4Address[],
): Promise<void> {
  const { set, next } = names(installation);
  const make = (name: string) => `create ${name} hash:ip maxelem 65536 -exist`;
  const sets = [make(set), make(next), `flush ${next}`, ...peers.map((peer) => `add ${next} ${peer}`)];
  const input = [...sets, `swap ${set} ${next}`, `destroy ${next}`, ''].join('\n');
  await commands.run('ipset', ['restore'], { input });
  await healTunnelGuard(commands, installation, local);
}

/** Puts back the rules that someone else removed or changed. */
export async function healTunnelGuard(
  commands: CommandRunner,
  installation: string,
  local: Ipv4Address,
): Promise<void> {
  const { chain } = names(installation);
  const lines = (await commands.run('iptables-save', ['-t', 'filter'])).stdout.split('\n');
  const own = lines.filter((line) => line.startsWith(`-A ${chain} `)).join('\n');
  const hasRules = own === rules(installation, local).join('\n');
  const additions = [
    // Naming the chain empties it, in the same transaction as the rules that follow.
    ...(hasRules ? [] : [`:${chain} - [0:0]`, ...rules(installation, local)]),
    // First of all rules: one that lets the world in to a service of the host is not meant for frames of guests.
    ...(lines.includes(`-A ${entry(installation)}`) ? [] : [`-I ${entry(installation)}`]),
  ];
  if (additions.length === 0) return;
  await commands.run('iptables-restore', ['--noflush'], { input: ['*filter', ...additions, 'COMMIT', ''].join('\n') });
}

/** Removes the guard with its set. No error where there is none. */
export async function removeTunnelGuard(commands: CommandRunner, installation: string): Promise<void> {
  const { chain, set, next } = names(installation);
  const lines = (await commands.run('iptables-save', ['-t', 'filter'])).stdout.split('\n');
  const removals = [
    ...(lines.includes(`-A ${entry(installation)}`) ? [`-D ${entry(installation)}`] : []),
    ...(lines.some((line) => line.startsWith(`:${chain} `)) ? [`-F ${chain}`, `-X ${chain}`] : []),
  ];
  if (removals.length > 0) {
    await commands.run('iptables-restore', ['--noflush'], { input: ['*filter', ...removals, 'COMMIT', ''].join('\n') });
  }
  const { stdout } = await commands.run('ipset', ['list', '-name']);
  const there = stdout.split('\n').filter((name) => name === set || name === next);
  for (const name of there) await commands.run('ipset', ['destroy', name]);
}
