// The lab's own namespaces: a host with a public bridge, and an internet behind it.
import type { Host } from '@isthmus/host';

/** Fixed addresses of the lab's internet (RFC 5737). Public addresses for routers are 203.0.113.2 to 203.0.113.254. */
export const internet = {
  bridge: 'pub0',
  gateway: '203.0.113.1',
  publicNetwork: '203.0.113.0/24',
  /** HTTP on port 80, TCP and UDP echo on port 7. */
  server: '198.51.100.10',
  /** A DNS server that knows `www.example.org` (the server's address) alone. */
  dns: '198.51.100.53',
  /** Further addresses of the internet namespace, as sources of clients. */
  clients: ['198.51.100.20', '198.51.100.30'],
} as const;

/** The network that hypervisors, their BMCs and an orchestrator beside them share. */
export const management = {
  bridge: 'mgmt0',
  /** Of the namespace that holds the bridge. */
  address: '172.31.0.2',
  host: (number: number): string => `172.31.0.${10 + number}`,
} as const;

/** Makes a namespace of the lab without IPv6, its loopback up. */
export async function addNamespace(host: Host, name: string): Promise<void> {
  const { commands } = host;
  await commands.run('ip', ['netns', 'add', name]);
  const sysctl = ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1'];
  await commands.run('nsenter', [`--net=/run/netns/${name}`, '--', 'sysctl', '-qw', ...sysctl]);
  await commands.run('ip', ['-netns', name, 'link', 'set', 'dev', 'lo', 'up']);
}

async function batch(host: Host, namespace: string, lines: readonly string[]): Promise<void> {
  await host.commands.run('ip', ['-netns', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Wires the two namespaces through the public bridge and gives the internet its addresses. */
export async function wireInternet(host: Host, hostNamespace: string, internetNamespace: string): Promise<void> {
  await batch(host, hostNamespace, [
    `link add name ${internet.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set dev ${internet.bridge} up`,
    `link add name uplink type veth peer name eth0 netns ${internetNamespace}`,
    `link set dev uplink master ${internet.bridge} up`,
  ]);
  const own = [internet.server, internet.dns, ...internet.clients];
  await batch(host, internetNamespace, [
    `address add ${internet.gateway}/24 dev eth0`,
    ...own.map((address) => `address add ${address}/32 dev lo`),
    'link set dev eth0 up',
  ]);
}

/** Makes the two switches that hypervisors are plugged into, each a bridge: the public network, and the management network. */
export async function makeSwitches(host: Host, internetNamespace: string, managementNamespace: string): Promise<void> {
  const bridge = (name: string) => [
    `link add name ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set dev ${name} up`,
  ];
  const own = [internet.server, internet.dns, ...internet.clients];
  await batch(host, internetNamespace, [
    ...bridge('eth0'),
    `address add ${internet.gateway}/24 dev eth0`,
    ...own.map((address) => `address add ${address}/32 dev lo`),
  ]);
  await batch(host, managementNamespace, [
    ...bridge(management.bridge),
    `address add ${management.address}/24 dev ${management.bridge}`,
  ]);
}

/** Puts a further device of the lab on a bridge of the lab's host: `name` in `namespace`, its port `port` on the bridge. */
export async function plug(
  host: Host,
  where: { readonly hostNamespace: string; readonly namespace: string; readonly bridge: string },
  nic: { readonly name: string; readonly port: string; readonly macAddress: string; readonly address?: string },
): Promise<void> {
  const { hostNamespace, namespace, bridge } = where;
  const { name, port, macAddress, address } = nic;
  await batch(host, hostNamespace, [
    `link add name ${port} type veth peer name ${name} address ${macAddress} netns ${namespace}`,
    `link set dev ${port} master ${bridge} up`,
  ]);
  const addresses = address === undefined ? [] : [`address add ${address} dev ${name}`];
  await batch(host, namespace, [...addresses, `link set dev ${name} up`]);
}
