// Reads and changes interfaces, addresses and routes by ip(8): one process for a change of any size.
import type { RouterSettings } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import {
  type Device,
  hasIpv6,
  parseDefaultRoutes,
  parseDevices,
  type RoutingState,
  renderBatch,
} from '@isthmus/templates/routing';
import type { KernelSettings } from '../kernel-settings.ts';

/** What the kernel has: every device, every default route, and whether it forwards, by key of sysctl(8). */
export interface KernelState {
  readonly devices: readonly Device[];
  readonly defaultRoutes: RoutingState['defaultRoutes'];
  readonly forwarding: ReadonlyMap<string, string>;
}

const forwardingKey = 'net/ipv4/ip_forward';
const ipv6ForwardingKey = 'net/ipv6/conf/all/forwarding';
/** One process for both lists, each a line of JSON. */
const lists = 'address show\nroute show table all default\n';

export async function readKernel(commands: CommandRunner, settings: KernelSettings): Promise<KernelState> {
  const [{ stdout }, values] = await Promise.all([
    commands.run('ip', ['-json', '-batch', '-'], { input: lists }),
    settings.read([forwardingKey, ipv6ForwardingKey]),
  ]);
  const [addresses = '', routes = ''] = stdout.split('\n');
  return {
    devices: parseDevices(addresses),
    defaultRoutes: parseDefaultRoutes(routes),
    forwarding: values,
  };
}

/** The part of the kernel's state that concerns the interfaces of `names`, and all default routes. */
export function stateOf(kernel: KernelState, names: ReadonlySet<string>): RoutingState {
  return { links: kernel.devices.filter(({ name }) => names.has(name)), defaultRoutes: kernel.defaultRoutes };
}

export function namesOf(...states: readonly RoutingState[]): Set<string> {
  return new Set(states.flatMap(({ links }) => links.map(({ name }) => name)));
}

/** From `before` to `after`; where they are the same no process starts. Stops at the first line that the kernel refuses. */
export async function changeKernel(commands: CommandRunner, before: RoutingState, after: RoutingState): Promise<void> {
  const input = renderBatch(before, after);
  if (input !== '') await commands.run('ip', ['-batch', '-'], { input });
}

/** What forwarding lacks of what a state asks for, key by key; of IPv6 only where the state has it. */
export function forwardingChanges(kernel: KernelState, wanted: RoutingState): { key: string; value: string }[] {
  const settings = [
    { key: forwardingKey, value: '1' },
    { key: ipv6ForwardingKey, value: hasIpv6(wanted) ? '1' : '0' },
  ];
  // A kernel without IPv6 has no such key, and nothing to turn off.
  const isMissing = (key: string, value: string) => (kernel.forwarding.get(key) ?? '0') !== value;
  return settings.filter(({ key, value }) => isMissing(key, value));
}

/** What forwarding was of the keys that were changed. */
export function forwardingBefore(kernel: KernelState, wanted: RoutingState): { key: string; value: string }[] {
  return forwardingChanges(kernel, wanted).map(({ key }) => ({ key, value: kernel.forwarding.get(key) ?? '0' }));
}

/** Throws where the kernel refuses. */
export async function setForwarding(
  settings: KernelSettings,
  changes: readonly { readonly key: string; readonly value: string }[],
): Promise<void> {
  if (changes.length === 0) return;
  const refused = await settings.write(changes);
  if (refused !== '') throw new Error(refused);
}

/** No forwarding at all. */
export const noForwarding = [forwardingKey, ipv6ForwardingKey].map((key) => ({ key, value: '0' }));

type Interface = RouterSettings['routing']['interfaces'][number];

/** The device of an interface: the one with its MAC address, else the one with its name. */
export function deviceOf(kernel: KernelState, { name, macAddress }: Interface): Device | undefined {
  return (
    kernel.devices.find((device) => device.macAddress === macAddress) ??
    kernel.devices.find((device) => device.name === name)
  );
}

/**
 * Gives every device the name that the document has for it; empty where each has it. All go by way of a name that nobody
 * has, since two may have to swap. A device must be down to be renamed, and keeps no addresses then.
 */
export function renderRenames(kernel: KernelState, interfaces: readonly Interface[]): string {
  const renames = interfaces.flatMap((wanted) => {
    const device = deviceOf(kernel, wanted);
    return device === undefined || device.name === wanted.name ? [] : [{ from: device.name, to: wanted.name }];
  });
  const taken = renames.filter(
    ({ to }) => kernel.devices.some(({ name }) => name === to) && !renames.some(({ from }) => from === to),
  );
  // A device that the document does not know gives way.
  const displaced = taken.map(({ to }) => ({ from: to, to: `old-${to}`.slice(0, 15) }));
  const moves = [...displaced, ...renames];
  return [
    ...moves.flatMap(({ from }, index) => [`link set dev ${from} down`, `link set dev ${from} name ith-move${index}`]),
    ...moves.map(({ to }, index) => `link set dev ith-move${index} name ${to}`),
  ]
    .map((line) => `${line}\n`)
    .join('');
}
