// dnsmasq's own checker on the golden files of packages/dnsmasq-config and templates, and on what is rendered for any
// settings. It takes anything in a hosts file, so those files' lines are given to it as options of the main configuration:
// the same reader of dnsmasq then refuses what it would pass over in a file.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderDhcpHosts, renderDhcpOptions, renderMainConfig, renderServers } from '@isthmus/dnsmasq-config';
import { createHost, createLog } from '@isthmus/host';
import { ipv4Add, ipv4FromNumber, ipv4Network, parseFqdn, parseHostname } from '@isthmus/net';
import { dhcpHostLine, dhcpMainConfig, dhcpOptions, dnsMainConfig } from '@isthmus/templates/dhcp';
import { dnsServers } from '@isthmus/templates/dns';
import test from 'ava';
import fc from 'fast-check';
import { hostOf, settingsOf } from './dnsmasq-fixture.ts';
import { instanceLayout } from './instances.ts';

const { commands } = createHost({ log: createLog({ level: 'silent' }) });

const asOptions: Readonly<Record<string, string>> = {
  main: '',
  servers: '',
  'dhcp-hosts': 'dhcp-host=',
  'dhcp-options': 'dhcp-option=',
};

function optionsOf(kind: string, text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => `${asOptions[kind] ?? ''}${line}\n`).join('');
}

/** What the checker says of options, such as `dnsmasq: syntax check OK.` Throws CommandError where it refuses them. */
async function check(options: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-dnsmasq-checker-'));
  try {
    await writeFile(join(directory, 'main.conf'), options);
    const { stderr } = await commands.run('dnsmasq', ['--test', `--conf-file=${directory}/main.conf`]);
    return stderr.trim();
  } finally {
    await rm(directory, { recursive: true });
  }
}

const goldens: readonly (readonly [kind: string, path: string])[] = [
  ['main', 'packages/dnsmasq-config/src/golden/main.conf'],
  ['servers', 'packages/dnsmasq-config/src/golden/servers'],
  ['dhcp-hosts', 'packages/dnsmasq-config/src/golden/dhcp-hosts'],
  ['dhcp-options', 'packages/dnsmasq-config/src/golden/dhcp-options'],
  ['main', 'templates/dhcp/golden/dhcp.conf'],
  ['main', 'templates/dhcp/golden/dhcp-share.conf'],
  ['main', 'templates/dhcp/golden/dns.conf'],
  ['dhcp-hosts', 'templates/dhcp/golden/dhcp-hosts'],
  ['dhcp-options', 'templates/dhcp/golden/dhcp-options'],
  ['dhcp-options', 'templates/dhcp/golden/dhcp-options-with-mtu'],
  ['dhcp-options', 'templates/dhcp/golden/dhcp-host-options'],
  ['dhcp-options', 'templates/dhcp/golden/dhcp-options-of-the-network'],
  ['servers', 'templates/dns/golden/servers'],
  ['servers', 'templates/dns/golden/servers-without-forwarders'],
];
for (const [kind, path] of goldens) {
  test(`dnsmasq accepts golden file ${path}`, async (t) => {
    const text = await readFile(new URL(`../../../../${path}`, import.meta.url), 'utf8');
    t.is(await check(optionsOf(kind, text)), 'dnsmasq: syntax check OK.');
  });
}

test('the checker refuses a line that this way of asking must not hide', async (t) => {
  await t.throwsAsync(check(optionsOf('dhcp-hosts', '02:00:00:00:00:zz,10.1.1.1,a.b\n')), {
    message: /bad hex constant/,
  });
  await t.throwsAsync(check(optionsOf('dhcp-options', 'option:no-such,10.1.1.1\n')), { message: /bad dhcp-option/ });
});

const word = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);

test('dnsmasq accepts what is rendered for any settings and names', async (t) => {
  const network = fc
    .tuple(fc.integer({ min: 0x0a000000, max: 0x0affffff }), fc.integer({ min: 8, max: 28 }))
    .map(([address, prefixLength]) => ipv4Network(ipv4FromNumber(address), prefixLength));
  const settings = fc.record({
    network,
    domain: word.map((label) => parseFqdn(`${label}.internal`)),
    leaseTimeSeconds: fc.integer({ min: 120, max: 4_294_967_294 }),
    mtu: fc.integer({ min: 576, max: 9216 }),
  });
  const names = fc.uniqueArray(fc.oneof(word, fc.constantFrom('ignore', 'infinite', '24h')).map(parseHostname));
  await fc.assert(
    fc.asyncProperty(settings, names, async (changes, hostnames) => {
      const { dhcp, dns } = settingsOf(changes);
      const paths = { state: '/state', run: '/run' };
      const hosts = hostnames.map((hostname, n) => hostOf(n, { hostname, address: ipv4Add(dhcp.router, n) }));
      const options = [
        // The checker would read the servers file, which is not there.
        renderMainConfig({ ...dnsMainConfig(dns, instanceLayout(paths, 'dns')), serversFile: null }),
        optionsOf('servers', renderServers(dnsServers(dns))),
        optionsOf('dhcp-options', renderDhcpOptions(dhcpOptions(dhcp))),
        optionsOf('dhcp-hosts', renderDhcpHosts(hosts.map((host) => dhcpHostLine(host, dhcp.domain)))),
      ];
      t.is(await check(options.join('')), 'dnsmasq: syntax check OK.');
      const main = renderMainConfig(dhcpMainConfig(dhcp, instanceLayout(paths, 'dhcp-0'), 6700));
      t.is(await check(main), 'dnsmasq: syntax check OK.');
    }),
    { numRuns: 30 },
  );
});
