// IPv6 in a lab with a router by hand: an internet of IPv6 behind the public bridge, and a guest that listens to
// advertisements (RFC 3849: addresses for documentation).
import type { RouterSettings } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { eui64Address, parseIpv6Address, parseIpv6Cidr } from '@isthmus/net';
import { waitFor } from './clients.ts';
import { guestMac, settings } from './router-document.ts';

/** Fixed addresses of IPv6: of the internet, of the router's two sides, and the one that the guest gives itself. */
export const ipv6 = {
  gateway: parseIpv6Address('2001:db8:f::1'),
  server: parseIpv6Address('2001:db8:ffff::10'),
  routerOutside: parseIpv6Address('2001:db8:f::10'),
  network: parseIpv6Cidr('2001:db8:1::/64'),
  router: parseIpv6Address('2001:db8:1::1'),
  guest: eui64Address(parseIpv6Cidr('2001:db8:1::/64'), guestMac),
} as const;

/** The settings of a dual-stack router, over those of router-document.ts. */
export function dualStack(
  egressDefault: 'allow' | 'deny' = 'allow',
): Pick<RouterSettings, 'routing' | 'dhcp' | 'firewall'> {
  const [guest, outside] = settings.routing.interfaces;
  if (guest === undefined || outside === undefined) throw new Error('the document has no NICs');
  return {
    routing: {
      ...settings.routing,
      interfaces: [
        { ...guest, ipv6: { address: ipv6.router, prefixLength: 64 } },
        { ...outside, ipv6: { address: ipv6.routerOutside, prefixLength: 64 } },
      ],
      defaultGatewayIpv6: { address: ipv6.gateway, interface: outside.name },
    },
    dhcp: {
      ...settings.dhcp,
      ipv6: { network: ipv6.network, router: ipv6.router, dnsServers: [ipv6.router] },
    },
    firewall: { ...settings.firewall, egressDefault, guestNetworkIpv6: ipv6.network },
  };
}

async function ip(host: Host, words: string): Promise<void> {
  await host.commands.run('ip', ['-6', ...words.split(' ')]);
}

/** Turns IPv6 on in a namespace of the lab, and on its eth0. */
export async function enableIpv6(host: Host): Promise<void> {
  const settings = ['all', 'default', 'lo', 'eth0'].map((name) => `net.ipv6.conf.${name}.disable_ipv6=0`);
  await host.commands.run('sysctl', ['-qw', 'net.ipv6.conf.eth0.accept_ra=1', ...settings]);
}

/** Gives the lab's internet its addresses, and the way to the guests by the router. */
export async function addIpv6Internet(internet: Host): Promise<void> {
  await enableIpv6(internet);
  await internet.commands.run('sysctl', ['-qw', 'net.ipv6.conf.eth0.accept_ra=0']);
  await ip(internet, `address add ${ipv6.gateway}/64 dev eth0 nodad`);
  await ip(internet, `address add ${ipv6.server}/128 dev lo nodad`);
  await ip(internet, `route add ${ipv6.network} via ${ipv6.routerOutside}`);
}

/** The addresses of IPv6 that a namespace's eth0 has and may use, of this scope. */
export async function ipv6Addresses(host: Host, scope: 'global' | 'link' = 'global'): Promise<string[]> {
  const words = ['-6', '-o', 'address', 'show', 'dev', 'eth0', 'scope', scope, '-tentative'];
  const { stdout } = await host.commands.run('ip', words);
  return [...stdout.matchAll(/ inet6 ([0-9a-f:]+)\//g)].map(([, address = '']) => address);
}

/** What an advertisement says, as rdisc6(8) prints it. Throws where there is none. */
export async function advertisement(host: Host): Promise<string> {
  await waitFor('a link-local address', async () => (await ipv6Addresses(host, 'link')).length > 0);
  const { stdout } = await host.commands.run('rdisc6', ['-1', '-r', '10', 'eth0'], { timeoutMs: 30_000 });
  return stdout;
}
