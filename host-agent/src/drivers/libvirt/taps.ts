// The host's end of a VM's NIC: a tap device on the segment's bridge, made before the VM and there as long as it should
// run. Which NIC a tap is for stands in the tap's own MAC address: the NIC's with a first byte that no NIC has.
import type { CommandRunner } from '@isthmus/host';
import { fixAddresses, isolation } from '../../wiring/control-ports.ts';
import { changeLinks, type Link } from '../../wiring/links.ts';
import { portName } from '../../wiring/names.ts';

/** A tap as it should be. `isolated`: it exchanges frames with ports that are not, such as the host, alone. */
export interface Tap {
  readonly port: string;
  readonly macAddress: string;
  readonly bridge: string;
  readonly isolated: boolean;
}

/** What a NIC's port is called where nothing else has the name, and its MAC address. */
export interface PortedNic {
  readonly macAddress: string;
}

const slots = [0, 1, 2, 3, 4, 5, 6, 7];

/** MAC address of the tap of a NIC. As libvirt's own taps: higher than any other, so that no bridge takes it for its own. */
export function tapMacAddress(nic: string): string {
  return `fe${nic.slice(2).toLowerCase()}`;
}

/**
 * Names of the ports of a machine's NICs, in their order. A NIC keeps the port that it has, also where another NIC of
 * the machine was unplugged; a new one gets the name of its place, or the first that is free.
 */
export function assignPorts(
  installation: string,
  kind: 'r' | 'i',
  id: string,
  nics: readonly PortedNic[],
  links: readonly Link[],
): string[] {
  const names = slots.map((slot) => portName(installation, kind, id, slot));
  const there = new Map(links.filter(({ name }) => names.includes(name)).map((link) => [link.macAddress, link.name]));
  const kept = nics.map(({ macAddress }) => there.get(tapMacAddress(macAddress)));
  const taken = new Set(kept);
  return kept.map((name, place) => {
    if (name !== undefined) return name;
    const free = [names[place], ...names].find((each) => each !== undefined && !taken.has(each));
    if (free === undefined) throw new RangeError(`machine ${id}: expected at most ${slots.length} NICs`);
    taken.add(free);
    return free;
  });
}

/** True where the tap is as it should be; `link` is what the host has of its name. Whether a VM holds it is not asked. */
export function isTapWhole(link: Link | undefined, { bridge, macAddress }: Tap): boolean {
  return link?.up === true && link.bridge === bridge && link.macAddress === tapMacAddress(macAddress);
}

/**
 * Makes what is absent of `taps`, remakes one that is another NIC's. Answers with the names of those that were made: no
 * VM holds them. Port security must be in force before.
 */
export async function ensureTaps(
  commands: CommandRunner,
  taps: readonly Tap[],
  links: ReadonlyMap<string, Link>,
): Promise<string[]> {
  const made = taps.filter(({ port, macAddress }) => links.get(port)?.macAddress !== tapMacAddress(macAddress));
  const changes = taps.flatMap((tap) => {
    const { port, bridge, isolated, macAddress } = tap;
    const create = [
      ...(links.has(port) ? [`link delete dev ${port}`] : []),
      `tuntap add dev ${port} mode tap vnet_hdr`,
      `link set dev ${port} address ${tapMacAddress(macAddress)} addrgenmode none`,
    ];
    const plug = [
      `link set dev ${port} master ${bridge}`,
      ...(isolated ? [isolation(port)] : []),
      `link set dev ${port} up`,
    ];
    if (made.includes(tap)) return [...create, ...plug];
    if (!isTapWhole(links.get(port), tap)) return plug;
    return isolated ? [isolation(port)] : [];
  });
  await changeLinks(commands, changes);
  await fixAddresses(
    commands,
    taps.filter((tap) => tap.isolated),
  );
  return made.map(({ port }) => port);
}
