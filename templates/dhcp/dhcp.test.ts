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
  parseMacAddress,
} from '@isthmus/net';
import test from 'ava';
import { dhcpHostLine, dhcpOptions, dnsmasqMainConfig } from './index.ts';

const settings = {
  interface: parseInterfaceName('eth0'),
  network: parseIpv4Cidr('10.1.1.0/24'),
  router: parseIpv4Address('10.1.1.1'),
  dnsServers: [parseIpv4Address('10.1.1.1'), parseIpv4Address('9.9.9.9')],
  domain: parseFqdn('cs1.internal'),
  leaseTimeSeconds: 86_400,
};
const paths = {
  pidFile: parseConfigPath('/run/pid'),
  leases: parseConfigPath('/state/leases'),
  dhcpHosts: parseConfigPath('/state/dhcp-hosts'),
  dhcpHostsLive: parseConfigPath('/run/dhcp-hosts'),
  dhcpOptions: parseConfigPath('/state/dhcp-options'),
  dnsHosts: parseConfigPath('/state/dns-hosts'),
  dnsHostsLive: parseConfigPath('/run/dns-hosts'),
  servers: parseConfigPath('/state/servers'),
};
const host = {
  macAddress: parseMacAddress('02:00:4c:9f:00:01'),
  address: parseIpv4Address('10.1.1.5'),
  hostname: parseHostname('ignore'),
};

const goldens: Readonly<Record<string, string>> = {
  'main.conf': renderMainConfig(dnsmasqMainConfig(settings, paths)),
  'dhcp-hosts': renderDhcpHosts([dhcpHostLine(host, settings.domain)]),
  'dhcp-options': renderDhcpOptions(dhcpOptions(settings)),
  'dhcp-options-with-mtu': renderDhcpOptions(dhcpOptions({ ...settings, mtu: 1450 })),
};
for (const [name, text] of Object.entries(goldens)) {
  test(`golden file ${name}`, async (t) => {
    const golden = new URL(`./golden/${name}`, import.meta.url);
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
    t.is(text, await readFile(golden, 'utf8'));
  });
}

test('the main configuration is valid and has room for a lease on each address', (t) => {
  const wide = { ...settings, network: parseIpv4Cidr('10.0.0.0/8') };
  t.deepEqual(validateMainConfig(dnsmasqMainConfig(wide, paths)), []);
  t.is(dnsmasqMainConfig(wide, paths).dhcpLeaseMax, 16_777_216);
  t.is(dnsmasqMainConfig({ ...settings, network: parseIpv4Cidr('10.1.0.0/16') }, paths).dhcpLeaseMax, 65_536);
  t.is(dnsmasqMainConfig(settings, paths).dhcpLeaseMax, 1_000);
});
