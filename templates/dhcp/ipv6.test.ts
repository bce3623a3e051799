import { readFile, writeFile } from 'node:fs/promises';
import {
  parseConfigPath,
  renderDhcpHosts,
  renderDhcpOptions,
  renderMainConfig,
  validateMainConfig,
} from '@isthmus/dnsmasq-config';
import {
  parseFqdn,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseIpv6Address,
  parseIpv6Cidr,
  parseMacAddress,
} from '@isthmus/net';
import test from 'ava';
import { dhcpIpv6HostLine, dhcpIpv6MainConfig, dhcpIpv6Options } from './index.ts';

const ipv6 = {
  network: parseIpv6Cidr('2001:db8:1::/64'),
  router: parseIpv6Address('2001:db8:1::1'),
  dnsServers: [parseIpv6Address('2001:db8:1::1'), parseIpv6Address('2620:fe::fe')],
};
const settings = {
  interface: parseInterfaceName('eth0'),
  network: parseIpv4Cidr('10.1.1.0/24'),
  router: parseIpv4Address('10.1.1.1'),
  dnsServers: [parseIpv4Address('10.1.1.1')],
  domain: parseFqdn('cs1.internal'),
  leaseTimeSeconds: 86_400,
  mtu: 1450,
  ipv6,
};
const paths = {
  pidFile: parseConfigPath('/run/pid'),
  hosts: parseConfigPath('/state/hosts'),
  hostsLive: parseConfigPath('/run/hosts'),
  choices: parseConfigPath('/state/choices'),
  leases: parseConfigPath('/state/leases'),
};
const host = {
  macAddress: parseMacAddress('02:00:4c:9f:00:01'),
  address: parseIpv4Address('10.1.1.5'),
  ipv6Address: parseIpv6Address('2001:db8:1:0:0:4cff:fe9f:1'),
  hostname: parseHostname('ignore'),
};

const line = dhcpIpv6HostLine(host, settings.domain);
const goldens: Readonly<Record<string, string>> = {
  'dhcp6.conf': renderMainConfig(dhcpIpv6MainConfig(settings, ipv6, paths)),
  'dhcp6-hosts': renderDhcpHosts(line === null ? [] : [line]),
  'dhcp6-options': renderDhcpOptions(dhcpIpv6Options(settings, ipv6)),
};

for (const [name, text] of Object.entries(goldens)) {
  test(`golden file ${name}`, async (t) => {
    const golden = new URL(`./golden/${name}`, import.meta.url);
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
    t.is(text, await readFile(golden, 'utf8'));
  });
}

test('the main configuration is valid, and never advertises less than a link of IPv6 carries', (t) => {
  t.deepEqual(validateMainConfig(dhcpIpv6MainConfig(settings, ipv6, paths)), []);
  const mtuOf = (mtu: number) => dhcpIpv6MainConfig({ ...settings, mtu }, ipv6, paths).raParams[0]?.mtu;
  t.deepEqual([576, 1280, 9000].map(mtuOf), [1280, 1280, 9000]);
});

test('a host without an IPv6 address has no line', (t) => {
  const { ipv6Address, ...rest } = host;
  t.is(dhcpIpv6HostLine(rest, settings.domain), null);
});
