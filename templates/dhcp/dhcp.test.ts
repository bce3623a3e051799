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
import {
  dhcpHostLine,
  dhcpHostOptions,
  dhcpMainConfig,
  dhcpOptions,
  dhcpPacketRules,
  dnsMainConfig,
  shardCount,
  shardOf,
  shardPort,
} from './index.ts';

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
  hosts: parseConfigPath('/state/hosts'),
  hostsLive: parseConfigPath('/run/hosts'),
  choices: parseConfigPath('/state/choices'),
  leases: parseConfigPath('/state/leases'),
};
const host = {
  macAddress: parseMacAddress('02:00:4c:9f:00:01'),
  address: parseIpv4Address('10.1.1.5'),
  hostname: parseHostname('ignore'),
};

const dns = { interface: settings.interface, domain: settings.domain, forwarders: [] };
const options = [
  { code: 4, value: '10.1.1.9' },
  { code: 17, value: '/srv/root, ro' },
  { code: 19, value: 'false' },
  { code: 42, value: '10.1.1.9, 10.1.1.10' },
  { code: 66, value: 'tftp.example.org' },
  { code: 114, value: 'https://portal.example.org/api' },
  { code: 119, value: 'a.example,b.example' },
  { code: 121, value: '10.9.0.0/16,10.1.1.254,0.0.0.0/0,10.1.1.1' },
  { code: 224, value: '0x00ff10' },
  { code: 225, value: 'any text' },
];
const second = {
  ...host,
  macAddress: parseMacAddress('02:00:4c:9f:00:02'),
  address: parseIpv4Address('10.1.1.6'),
  isDefault: false,
  options,
};

const goldens: Readonly<Record<string, string>> = {
  'dhcp.conf': renderMainConfig(dhcpMainConfig(settings, paths, null)),
  'dhcp-share.conf': renderMainConfig(dhcpMainConfig(settings, paths, shardPort(1, 2))),
  'dns.conf': renderMainConfig(dnsMainConfig(dns, paths)),
  'dhcp-hosts': renderDhcpHosts([dhcpHostLine(host, settings.domain), dhcpHostLine(second, settings.domain)]),
  'dhcp-host-options': renderDhcpOptions(dhcpHostOptions(second)),
  'dhcp-options': renderDhcpOptions(dhcpOptions(settings)),
  'dhcp-options-with-mtu': renderDhcpOptions(dhcpOptions({ ...settings, mtu: 1450 })),
  'dhcp-options-of-the-network': renderDhcpOptions(dhcpOptions({ ...settings, options })),
  'packets.nft': dhcpPacketRules(settings.interface, 1),
  'packets-of-shares.nft': dhcpPacketRules(settings.interface, 4),
  'packets-without-dhcp.nft': dhcpPacketRules(settings.interface, 0),
};
for (const [name, text] of Object.entries(goldens)) {
  test(`golden file ${name}`, async (t) => {
    const golden = new URL(`./golden/${name}`, import.meta.url);
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
    t.is(text, await readFile(golden, 'utf8'));
  });
}

test('the main configuration is valid and has room for a lease on each address', (t) => {
  const of = (network: string) => dhcpMainConfig({ ...settings, network: parseIpv4Cidr(network) }, paths, null);
  t.deepEqual(validateMainConfig(of('10.0.0.0/8')), []);
  t.deepEqual(validateMainConfig(dnsMainConfig(dns, paths)), []);
  t.is(of('10.0.0.0/8').dhcpLeaseMax, 16_777_216);
  t.is(of('10.1.0.0/16').dhcpLeaseMax, 65_536);
  t.is(of('10.1.1.0/24').dhcpLeaseMax, 1_000);
});

test('a network of up to 254 hosts has one process for DHCP, a wider one up to 16, each with its share', (t) => {
  const counts = ['10.1.1.0/28', '10.1.1.0/24', '10.1.0.0/23', '10.1.0.0/20', '10.1.0.0/16', '10.0.0.0/8'];
  t.deepEqual(
    counts.map((network) => shardCount(parseIpv4Cidr(network))),
    [1, 1, 2, 16, 16, 16],
  );
  t.is(shardOf(parseMacAddress('02:00:4c:9f:00:1f'), 16), 15);
  t.is(shardOf(parseMacAddress('02:00:4c:9f:00:1f'), 1), 0);
  t.is(shardPort(0, 1), null);
});
