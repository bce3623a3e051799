// Segments that span hosts, with real packets: each host is a network namespace, with guests in namespaces of their own.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Segment } from '@isthmus/contract';
import { createHost, createNamespaceHost, type Host, silentLog } from '@isthmus/host';
import { type Ipv4Address, parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { vxlanName } from './names.ts';
import { SegmentBridges } from './segment-bridges.ts';
import { Tunnels } from './tunnels.ts';

const machine = createHost({ log: silentLog });
const segment = (vni: number): Segment => ({ kind: 'guest', id: `guest-${vni}`, vni });

interface Zone {
  readonly name: string;
  readonly directory: string;
  readonly namespaces: string[];
}

async function namespace(zone: Zone, what: string): Promise<Host> {
  const name = `${zone.name}-${what}`;
  await machine.commands.run('ip', ['netns', 'add', name]);
  zone.namespaces.push(name);
  const host = createNamespaceHost(machine, name);
  // Without it nothing is sent but what the test sends.
  await host.commands.run('sysctl', [
    '-qw',
    'net.ipv6.conf.all.disable_ipv6=1',
    'net.ipv6.conf.default.disable_ipv6=1',
  ]);
  await host.commands.run('ip', ['link', 'set', 'dev', 'lo', 'up']);
  return host;
}

/** A network between hosts, with a switch in the namespace `net`. */
async function zoneFor(t: { teardown(end: () => Promise<void>): void }): Promise<Zone> {
  const zone = {
    name: `vxlan-${randomBytes(3).toString('hex')}`,
    directory: await mkdtemp('/tmp/isthmus-vxlan-'),
    namespaces: [],
  };
  t.teardown(async () => {
    for (const name of zone.namespaces) await machine.commands.run('ip', ['netns', 'delete', name]);
    await rm(zone.directory, { recursive: true, force: true });
  });
  const net = await namespace(zone, 'net');
  await net.commands.run('ip', ['link', 'add', 'name', 'br0', 'mtu', '1500', 'type', 'bridge']);
  await net.commands.run('ip', ['link', 'set', 'dev', 'br0', 'up']);
  return zone;
}

interface Hypervisor {
  readonly host: Host;
  readonly address: Ipv4Address;
  readonly tunnels: Tunnels;
  readonly bridges: SegmentBridges;
}

async function plug(zone: Zone, number: number, mtu: number): Promise<{ host: Host; address: Ipv4Address }> {
  const host = await namespace(zone, `h${number}`);
  const address = parseIpv4Address(`192.0.2.${number}`);
  const batch = [
    `link add name uplink mtu ${mtu} type veth peer name h${number} mtu ${mtu} netns ${zone.name}-net`,
    `address add ${address}/24 dev uplink`,
    'link set dev uplink up',
  ];
  await host.commands.run('ip', ['-batch', '-'], { input: `${batch.join('\n')}\n` });
  const args = ['-netns', `${zone.name}-net`, 'link', 'set', 'dev', `h${number}`, 'master', 'br0', 'up'];
  await machine.commands.run('ip', args);
  return { host, address };
}

async function hypervisor(zone: Zone, number: number, mtu = 1500): Promise<Hypervisor> {
  const { host, address } = await plug(zone, number, mtu);
  const context = { host, installation: 'ab12', state: `${zone.directory}/${number}`, address };
  const tunnels = new Tunnels(context);
  await tunnels.open();
  const bridges = new SegmentBridges(host.commands, 'ab12', tunnels);
  await bridges.open([]);
  return { host, address, tunnels, bridges };
}

/** A guest on a segment of a hypervisor. */
async function guest(zone: Zone, number: number, { host, bridges }: Hypervisor, vni: number, address: string) {
  const bridge = await bridges.ensure(segment(vni));
  const inside = await namespace(zone, `g${number}-${vni}`);
  const mtu = bridges.mtuOf(segment(vni));
  const batch = [
    `link add name g${number}v${vni} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${zone.name}-g${number}-${vni}`,
    `link set dev g${number}v${vni} master ${bridge} up`,
  ];
  await host.commands.run('ip', ['-batch', '-'], { input: `${batch.join('\n')}\n` });
  await inside.commands.run('ip', ['address', 'add', `${address}/24`, 'dev', 'eth0']);
  await inside.commands.run('ip', ['link', 'set', 'dev', 'eth0', 'up']);
  return inside;
}

async function pings(from: Host, to: string, bytes = 56): Promise<boolean> {
  const args = ['-c', '1', '-W', '1', '-s', String(bytes), '-M', 'do', to];
  return (await from.commands.run('ping', args, { okCodes: [0, 1, 2] })).exitCode === 0;
}

async function reaches(from: Host, to: string): Promise<boolean> {
  for (let attempt = 0; attempt < 5; attempt += 1) if (await pings(from, to)) return true;
  return false;
}

test.serial('a guest reaches its neighbour on another host, at full size, and no other segment', async (t) => {
  const zone = await zoneFor(t);
  const one = await hypervisor(zone, 1);
  const two = await hypervisor(zone, 2);
  await one.tunnels.setPeers([one.address, two.address]);
  const a = await guest(zone, 1, one, 5, '10.1.1.5');
  const b = await guest(zone, 2, two, 5, '10.1.1.6');
  await guest(zone, 3, two, 6, '10.1.1.7');
  t.false(await pings(a, '10.1.1.6'), 'two has not heard of one yet');
  await two.tunnels.setPeers([one.address]);
  t.true(await reaches(a, '10.1.1.6'));
  t.is(one.tunnels.guestMtu, 1450);
  t.true(await pings(b, '10.1.1.5', 1450 - 28), 'the largest packet');
  t.false(await pings(a, '10.1.1.7'));
  // A second look changes nothing.
  const links = async () => {
    const { stdout } = await one.host.commands.run('ip', ['-details', 'link', 'show']);
    const entries = (await one.host.commands.run('bridge', ['fdb', 'show', 'dev', 'ab12x5'])).stdout;
    return `${stdout.replaceAll(/_timer +[\d.]+/g, '')}${entries}`;
  };
  const before = await links();
  await one.bridges.ensure(segment(5));
  await one.bridges.heal();
  t.is(await links(), before);
});

test.serial('a stranger on the network between hosts can put no frame into a segment', async (t) => {
  const zone = await zoneFor(t);
  const one = await hypervisor(zone, 1);
  const a = await guest(zone, 1, one, 5, '10.1.1.5');
  const stranger = await hypervisor(zone, 9);
  await stranger.tunnels.setPeers([one.address]);
  const b = await guest(zone, 2, stranger, 5, '10.1.1.6');
  const received = async () => {
    const { stdout } = await a.commands.run('ip', ['-statistics', '-json', 'link', 'show', 'dev', 'eth0']);
    const [link] = JSON.parse(stdout) as { stats64: { rx: { packets: number } } }[];
    return link?.stats64.rx.packets;
  };
  const before = await received();
  t.false(await reaches(b, '10.1.1.5'));
  t.is(await received(), before);
  // A peer once, and no more.
  await one.tunnels.setPeers([stranger.address]);
  t.true(await reaches(b, '10.1.1.5'));
  await one.tunnels.setPeers([]);
  t.false(await pings(b, '10.1.1.5'));
  t.false(await pings(a, '10.1.1.6'));
});

test.serial(
  'what someone removed comes back, a restart remembers the peers, and a segment leaves nothing',
  async (t) => {
    const zone = await zoneFor(t);
    const one = await hypervisor(zone, 1, 9000);
    const two = await hypervisor(zone, 2, 9000);
    t.is(one.tunnels.guestMtu, 1500);
    await one.tunnels.setPeers([two.address]);
    await two.tunnels.setPeers([one.address]);
    const a = await guest(zone, 1, one, 5, '10.1.1.5');
    await guest(zone, 2, two, 5, '10.1.1.6');
    t.true(await reaches(a, '10.1.1.6'));
    const device = vxlanName('ab12', 5);
    await one.host.commands.run('ip', ['link', 'delete', 'dev', device]);
    t.false(await pings(a, '10.1.1.6'));
    await one.bridges.heal();
    t.true(await reaches(a, '10.1.1.6'));
    await one.host.commands.run('bridge', ['fdb', 'delete', '00:00:00:00:00:00', 'dev', device, 'dst', two.address]);
    await one.host.commands.run('iptables', ['-F']);
    await one.bridges.heal();
    const { stdout: rules } = await one.host.commands.run('iptables-save', ['-t', 'filter']);
    t.true(rules.includes('-A INPUT -p udp -m udp --dport 4789 -j ith-ab12-vxlan'));
    const { stdout: entries } = await one.host.commands.run('bridge', ['fdb', 'show', 'dev', device]);
    t.regex(entries, /^00:00:00:00:00:00 dst 192\.0\.2\.2 self permanent$/m);
    // A host agent that starts anew.
    const context = { host: one.host, installation: 'ab12', state: `${zone.directory}/1`, address: one.address };
    const tunnels = new Tunnels(context);
    await tunnels.open();
    const bridges = new SegmentBridges(one.host.commands, 'ab12', tunnels);
    await bridges.open([segment(5)]);
    await bridges.ensure(segment(5));
    t.true(await reaches(a, '10.1.1.6'));
    await bridges.remove(segment(5));
    const { stdout: links } = await one.host.commands.run('ip', ['-brief', 'link', 'show']);
    t.false(links.includes(device));
    await bridges.removeAll();
    t.false((await one.host.commands.run('iptables-save', [])).stdout.includes('ab12'));
    t.false((await one.host.commands.run('ipset', ['list', '-name'])).stdout.includes('ab12'));
  },
);

test.serial('a tunnel address that the host lacks is refused', async (t) => {
  const zone = await zoneFor(t);
  const { host } = await plug(zone, 1, 1500);
  const address = parseIpv4Address('192.0.2.77');
  const tunnels = new Tunnels({ host, installation: 'ab12', state: `${zone.directory}/1`, address });
  await t.throwsAsync(tunnels.open(), { message: 'tunnel address 192.0.2.77: expected an address of this host' });
});
