import { readFile, writeFile } from 'node:fs/promises';
import { renderHosts, renderServers } from '@isthmus/dnsmasq-config';
import { parseFqdn, parseHostname, parseInterfaceName, parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { dnsHostsLine, dnsOwnLines, dnsServers } from './index.ts';

const settings = {
  interface: parseInterfaceName('eth0'),
  domain: parseFqdn('cs1.internal'),
  forwarders: [parseIpv4Address('9.9.9.9'), parseIpv4Address('149.112.112.112')],
};
const metadata = { enabled: true, interface: settings.interface, addresses: [parseIpv4Address('10.1.1.1')] };
const record = { hostname: parseHostname('vm1'), address: parseIpv4Address('10.1.1.5') };

const goldens: Readonly<Record<string, string>> = {
  'dns-hosts': renderHosts([dnsHostsLine(record, settings.domain)]),
  'dns-own-hosts': renderHosts(dnsOwnLines({ dns: settings, metadata })),
  servers: renderServers(dnsServers(settings)),
  'servers-without-forwarders': renderServers(dnsServers({ ...settings, forwarders: [] })),
};
for (const [name, text] of Object.entries(goldens)) {
  test(`golden file ${name}`, async (t) => {
    const golden = new URL(`./golden/${name}`, import.meta.url);
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
    t.is(text, await readFile(golden, 'utf8'));
  });
}
