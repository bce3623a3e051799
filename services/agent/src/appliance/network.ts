// NICs by their names, and the packet filter that stands before any document: nothing answers but the agent's port.
import { agentPort, type ControlNic, controlInterface } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import { renderRuleSet } from '@isthmus/iptables-ts';
import { type InterfaceName, parseInterfaceName } from '@isthmus/net';
import {
  type Admitted,
  type ControlPath,
  closedIpv6Chains,
  closedRules,
  servedRules,
} from '@isthmus/templates/firewall';
import type { ApplianceIdentity } from './identity-store.ts';

/** A NIC; `address` is its MAC address. */
export interface Link {
  readonly ifname: string;
  readonly address?: string;
}

/** What the packet filter has to know of the control NIC. */
export function controlPath({ address, prefixLength, gateway }: ControlNic): ControlPath {
  return {
    interface: parseInterfaceName(controlInterface),
    address,
    prefixLength,
    gateway,
    port: agentPort,
  };
}

/**
 * NICs that are none of the appliance's: it is then in a network namespace that is not its own. Devices that the kernel
 * puts into every namespace have no MAC address.
 */
export function strangeNics(links: readonly Link[], identity: Pick<ApplianceIdentity, 'control' | 'nics'>): string[] {
  const own = wantedNames(identity);
  return links.flatMap(({ ifname, address = '' }) => {
    const isNobodys = /^(?:00:){5}00$/.test(address) || address.length !== 'xx:xx:xx:xx:xx:xx'.length;
    return isNobodys || own.has(address.toLowerCase()) ? [] : [ifname];
  });
}

/** The names that NICs get, by MAC address in lower case. */
function wantedNames({ control, nics }: Pick<ApplianceIdentity, 'control' | 'nics'>): Map<string, InterfaceName> {
  const all = [...nics, { name: parseInterfaceName(controlInterface), macAddress: control.macAddress }];
  return new Map(all.map(({ name, macAddress }) => [macAddress.toLowerCase(), name]));
}

/**
 * Lines of `ip -batch` that give each NIC its name, and bring up the loopback interface and the control NIC with its
 * address, no other. All renamed NICs go by way of a name that nobody has, since two may have to swap. Null where no NIC
 * has the control NIC's MAC address.
 */
export function linkLines(
  links: readonly Link[],
  identity: Pick<ApplianceIdentity, 'control' | 'nics'>,
): string[] | null {
  const names = wantedNames(identity);
  const { macAddress, address, prefixLength } = identity.control;
  if (!links.some((link) => link.address?.toLowerCase() === macAddress.toLowerCase())) return null;
  const moves = links.flatMap(({ ifname, address: mac = '' }) => {
    const to = names.get(mac.toLowerCase());
    return to === undefined || to === ifname ? [] : [{ from: ifname, to }];
  });
  const isFree = (name: string) => moves.some(({ from }) => from === name);
  const taken = moves.filter(({ to }) => links.some(({ ifname }) => ifname === to) && !isFree(to));
  const all = [...taken.map(({ to }) => ({ from: to, to: `old-${to}`.slice(0, 15) })), ...moves];
  return [
    ...all.flatMap(({ from }, index) => [`link set dev ${from} down`, `link set dev ${from} name ith-move${index}`]),
    ...all.map(({ to }, index) => `link set dev ith-move${index} name ${to}`),
    'link set dev lo up',
    `address replace ${address}/${prefixLength} dev ${controlInterface}`,
    `link set dev ${controlInterface} up`,
  ];
}

/** The rules that stand before a document is in force, as iptables-restore reads them. */
export function closedText(control: ControlNic): string {
  return renderRuleSet(closedRules(controlPath(control)));
}

/** Names the NICs that are there, and brings the control NIC up. Answers false where it is absent. */
export async function bringUpControl(
  commands: CommandRunner,
  links: readonly Link[],
  identity: ApplianceIdentity,
): Promise<boolean> {
  const lines = linkLines(links, identity);
  if (lines === null) return false;
  await commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  return true;
}

/** Brings the closed rules of both families into force, in place of any that stand. */
export async function closeUntilServed(commands: CommandRunner, control: ControlNic): Promise<void> {
  await commands.run('iptables-restore', [], { input: closedText(control) });
  await commands.run('ip6tables-restore', [], { input: renderRuleSet({ filter: closedIpv6Chains() }) });
}

/**
 * True where the packet filter of this appliance stands, that of a document or the closed one: its agent's port is admitted
 * on its control NIC, and of either family nothing that no rule admits.
 */
export async function isFiltered(commands: CommandRunner, control: ControlNic): Promise<boolean> {
  const [input, ipv6Input] = await Promise.all(
    ['iptables', 'ip6tables'].map(async (command) => (await commands.run(command, ['-S', 'INPUT'])).stdout.split('\n')),
  );
  const denies = '-P INPUT DROP';
  const admitsAgent = closedText(control)
    .split('\n')
    .find((line) => line.startsWith('-A INPUT '));
  return input?.[0] === denies && input[1] === admitsAgent && ipv6Input?.[0] === denies;
}

/**
 * Brings the rules of an appliance that routes for nobody into force: its agent's port, and what is `admitted`. They take
 * the place of those that stand at once, table by table. IPv6 stays closed.
 */
export async function admit(commands: CommandRunner, control: ControlNic, admitted: Admitted): Promise<void> {
  const rules = renderRuleSet(servedRules(controlPath(control), admitted));
  await commands.run('iptables-restore', [], { input: rules });
}
