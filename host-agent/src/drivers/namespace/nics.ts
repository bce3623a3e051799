// A NIC is a veth pair: one end in the namespace, with the NIC's name and MAC, the other a port of the segment's bridge.
import type { Nic } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import { fixAddresses, isolation } from '../../wiring/control-ports.ts';
import { changeLinks, findLink, type Link } from '../../wiring/links.ts';

/** A NIC and where it goes. `port` is the host's end; `mtu` null: the usual one. `isolated`: of the control network. */
export interface Wiring {
  readonly nic: Pick<Nic, 'name' | 'macAddress'>;
  readonly port: string;
  readonly bridge: string;
  readonly mtu: number | null;
  readonly isolated?: boolean;
}

/** What is there of a wiring: `inside` in the namespace, `outside` on the host. */
interface Found {
  readonly inside: Link | null;
  readonly outside: Link | null;
}

function isPair({ inside, outside }: Found, { nic }: Wiring): boolean {
  return (
    inside !== null &&
    outside !== null &&
    inside.kind === 'veth' &&
    inside.peerIndex === outside.index &&
    outside.peerIndex === inside.index &&
    inside.macAddress === nic.macAddress
  );
}

function create(namespace: string, wiring: Wiring): string[] {
  const { nic, port, mtu } = wiring;
  const size = mtu === null ? '' : ` mtu ${mtu}`;
  return [
    `link add name ${port}${size} type veth peer name ${nic.name}${size} address ${nic.macAddress} netns ${namespace}`,
    ...plug(wiring),
  ];
}

function plug({ port, bridge, isolated = false }: Wiring): string[] {
  return [
    `link set dev ${port} addrgenmode none`,
    `link set dev ${port} master ${bridge}`,
    ...(isolated ? [isolation(port)] : []),
    `link set dev ${port} up`,
  ];
}

/**
 * Brings a namespace's NICs to `wirings`: makes what is absent, remakes what differs, removes the rest. `links` is what
 * the namespace holds. True where anything was changed. Port security must be in force before: from here on frames flow.
 */
export async function ensureNics(
  commands: CommandRunner,
  namespace: string,
  links: readonly Link[],
  wirings: readonly Wiring[],
): Promise<boolean> {
  const outsides = await Promise.all(wirings.map(({ port }) => findLink(commands, port)));
  const found = wirings.map((wiring, index) => ({
    wiring,
    inside: links.find(({ name }) => name === wiring.nic.name) ?? null,
    outside: outsides[index] ?? null,
  }));
  const stale = found.filter((each) => !isPair(each, each.wiring));
  const kept = new Set(found.filter((each) => !stale.includes(each)).map(({ wiring }) => wiring.nic.name as string));
  const foreign = links.filter(({ kind, name }) => kind === 'veth' && !kept.has(name));
  await changeLinks(
    commands,
    foreign.map(({ name }) => `link delete dev ${name}`),
    namespace,
  );
  // The pair of a NIC that was just removed has gone with it, so only ports without a NIC inside are left to remove.
  const orphans = stale.flatMap(({ outside }) =>
    outside !== null && !foreign.some(({ index }) => index === outside.peerIndex) ? [outside.name] : [],
  );
  const unplugged = found.filter(
    (each) => !stale.includes(each) && (each.outside?.bridge !== each.wiring.bridge || !each.outside.up),
  );
  const changes = [
    ...orphans.map((name) => `link delete dev ${name}`),
    ...stale.flatMap(({ wiring }) => create(namespace, wiring)),
    ...unplugged.flatMap(({ wiring }) => plug(wiring)),
  ];
  await changeLinks(commands, changes);
  const isolated = wirings.filter((wiring) => wiring.isolated === true);
  await fixAddresses(
    commands,
    isolated.map(({ port, nic: { macAddress } }) => ({ port, macAddress })),
  );
  return foreign.length > 0 || changes.length > 0;
}
