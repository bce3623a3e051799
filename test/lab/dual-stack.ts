// Dual-stack networks of a cloud: its internet by IPv6, and guests that learn their addresses.
import type { Host } from '@isthmus/host';
import { seenAs, waitFor } from './clients.ts';
import type { Cloud } from './cloud.ts';
import { type Instance, objectIn, objectsIn, only, type Tenant, text } from './tenant.ts';

/** The internet's IPv6 (RFC 3849): the gateway of the public segment, a server, and clients. */
export const outside = {
  gateway: '2001:db8:ffff::1',
  network: '2001:db8:ffff::/64',
  server: '2001:db8:aaaa::10',
  friend: '2001:db8:aaaa::20',
  stranger: '2001:db8:aaaa::30',
} as const;

async function enableIpv6(host: Host, device: string): Promise<void> {
  const keys = ['all', 'default', 'lo', device].map((name) => `net.ipv6.conf.${name}.disable_ipv6=0`);
  await host.commands.run('sysctl', ['-qw', ...keys]);
}

/** Gives a cloud's internet and zone IPv6; answers with the id of the offering of dual-stack networks. */
export async function offerDualStack({ admin, lab, zoneId: zoneid }: Cloud): Promise<string> {
  await enableIpv6(lab.internet, 'eth0');
  const own = [outside.server, outside.friend, outside.stranger];
  const lines = [
    `address add ${outside.gateway}/64 dev eth0 nodad`,
    ...own.map((address) => `address add ${address}/128 dev lo nodad`),
  ];
  await lab.internet.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  await lab.startEcho(lab.internet, outside.server);
  const range = text(only('public range', await admin.list('listVlanIpRanges', { zoneid })), 'id');
  await admin.run('updateVlanIpRange', { id: range, ip6gateway: outside.gateway, ip6cidr: outside.network });
  await admin.run('createGuestNetworkIpv6Prefix', { zoneid, prefix: '2001:db8:1::/48' });
  const name = 'DefaultIsolatedDualStackNetworkOffering';
  return text(only(name, await admin.list('listNetworkOfferings', { name })), 'id');
}

/** An instance in a namespace, on a dual-stack network. */
export interface DualStackGuest {
  readonly tenant: Tenant;
  readonly web: Instance;
  /** IPv6, by its NIC in the API. It serves HTTP on 8081 and echo on 7 there. */
  readonly address: string;
}

/** Waits until an instance has learnt its addresses and serves at them; tells the internet's router the way to it. */
export async function learnIpv6(cloud: Cloud, tenant: Tenant, web: Instance): Promise<DualStackGuest> {
  const nic = only('NIC', await tenant.client.list('listNics', { virtualmachineid: web.id }));
  const address = text(nic, 'ip6address');
  await waitFor(`the address ${address} by router advertisement`, async () => {
    const { stdout } = await web.host.commands.run('ip', ['-6', 'address', 'show', 'dev', 'eth0', 'scope', 'global']);
    return stdout.includes(`${address}/`) && !stdout.includes('tentative');
  });
  await cloud.lab.startEcho(web.host, address, { http: 8081, echo: 7 });
  const [network] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  for (const route of objectsIn(network ?? {}, 'ip6routes')) {
    const words = ['-6', 'route', 'replace', text(route, 'subnet'), 'via', text(route, 'gateway'), 'dev', 'eth0'];
    await cloud.lab.internet.commands.run('ip', words);
  }
  return { tenant, web, address };
}

/** Makes an IPv6 rule of the guest's network; answers with its id. */
export async function ipv6Rule(
  { tenant }: Pick<DualStackGuest, 'tenant'>,
  values: Readonly<Record<string, string | number>>,
): Promise<string> {
  const answer = await tenant.client.run('createIpv6FirewallRule', { networkid: tenant.networkId, ...values });
  return text(objectIn(answer, 'firewallrule'), 'id');
}

/** True where the guest's HTTP server answers a client of the internet. */
export async function isReached({ lab }: Cloud, { address }: DualStackGuest, from: string): Promise<boolean> {
  return (await seenAs(lab.internet, `http://[${address}]:8081/`, { from, timeoutMs: 700 })) !== null;
}
