// Each file by the renderer's contract: what is valid is written, and read back as it was; what is not is named. dnsmasq
// itself judges the golden files in services/router/src/dnsmasq/checker.test.ts, since only packages/host starts processes.
import { readFile, writeFile } from 'node:fs/promises';
import {
  type Fqdn,
  type InterfaceName,
  type MacAddress,
  parseFqdn,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import * as arbitrary from './arbitraries.ts';
import { ConfigSyntaxError, type Issue } from './config-file.ts';
import { parseDhcpHosts, renderDhcpHosts, validateDhcpHosts } from './dhcp-hosts.ts';
import { parseDhcpOptions, renderDhcpOptions, validateDhcpOptions } from './dhcp-options.ts';
import { parseHosts, renderHosts, validateHosts } from './hosts.ts';
import { parseIpv6Leases, renderIpv6Leases, validateIpv6Leases } from './ipv6-leases.ts';
import { parseLeases, renderLeases, validateLeases } from './leases.ts';
import { type MainConfig, parseMainConfig, renderMainConfig, validateMainConfig } from './main-config.ts';
import { parseServers, renderServers, validateServers } from './servers.ts';
import { parseAccountName, parseConfigPath, parseDhcpTag } from './values.ts';

interface FileKind<Model> {
  readonly validate: (model: Model) => Issue[];
  readonly render: (model: Model) => string;
  readonly parse: (text: string) => Model;
}

function roundTrip<Model>(name: string, models: fc.Arbitrary<Model>, kind: FileKind<Model>): void {
  test(`${name}: what is written reads back as it was`, (t) => {
    fc.assert(
      fc.property(models, (model) => {
        if (kind.validate(model).length > 0) return;
        const text = kind.render(model);
        t.deepEqual(kind.parse(text), model);
        t.is(kind.render(kind.parse(text)), text);
      }),
    );
  });
  test(`${name}: lower case text that is read is what would be written`, (t) => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^([a-z0-9=.:,/ *-]{0,20}\n)*$/)),
        (text) => {
          try {
            t.is(kind.render(kind.parse(text)), text);
          } catch (error) {
            if (!(error instanceof Error) || !/expected/.test(error.message)) throw error;
          }
        },
      ),
    );
  });
}

const list = <Item>(item: fc.Arbitrary<Item>) => fc.array(item, { maxLength: 20 });
roundTrip('DHCP hosts', list(arbitrary.dhcpHost), {
  validate: validateDhcpHosts,
  render: renderDhcpHosts,
  parse: parseDhcpHosts,
});
roundTrip('DHCP options', list(arbitrary.dhcpOption), {
  validate: validateDhcpOptions,
  render: renderDhcpOptions,
  parse: parseDhcpOptions,
});
roundTrip('hosts', list(arbitrary.hostsLine), { validate: validateHosts, render: renderHosts, parse: parseHosts });
roundTrip('servers', list(arbitrary.server), {
  validate: validateServers,
  render: renderServers,
  parse: parseServers,
});
roundTrip('leases', list(arbitrary.lease), { validate: validateLeases, render: renderLeases, parse: parseLeases });
roundTrip('leases of DHCPv6', list(arbitrary.ipv6LeaseLine), {
  validate: validateIpv6Leases,
  render: renderIpv6Leases,
  parse: parseIpv6Leases,
});

test('main configuration: what is written reads back as it was', (t) => {
  fc.assert(
    fc.property(arbitrary.mainConfig, (config) => {
      t.deepEqual(validateMainConfig(config), []);
      t.deepEqual(parseMainConfig(renderMainConfig(config)), config);
    }),
  );
});

const whole: MainConfig = {
  keepInForeground: true,
  user: parseAccountName('dnsmasq'),
  group: parseAccountName('nogroup'),
  pidFile: parseConfigPath('/run/isthmus/pid'),
  logToStandardError: true,
  quietDhcp: true,
  port: 53,
  interfaces: [parseInterfaceName('eth0')],
  exceptInterfaces: [parseInterfaceName('lo')],
  bindDynamic: true,
  noHosts: true,
  noResolv: true,
  noPoll: true,
  domainNeeded: true,
  bogusPriv: true,
  noIdent: true,
  strictOrder: true,
  cacheSize: 1000,
  dnsForwardMax: 1000,
  ednsPacketMax: 1232,
  serversFile: parseConfigPath('/var/lib/isthmus/servers'),
  addnHosts: parseConfigPath('/var/lib/isthmus/dns-hosts'),
  hostsDir: parseConfigPath('/run/isthmus/dns-hosts'),
  domain: parseFqdn('cs1.internal'),
  dhcpRanges: [{ network: parseIpv4Cidr('10.1.1.0/24'), leaseTimeSeconds: 86_400 }],
  enableRa: false,
  raParams: [],
  dhcpLeaseMax: 1000,
  dhcpLeaseFile: parseConfigPath('/var/lib/isthmus/leases'),
  dhcpHostsFile: parseConfigPath('/var/lib/isthmus/dhcp-hosts'),
  dhcpHostsDir: parseConfigPath('/run/isthmus/dhcp-hosts'),
  dhcpOptsFile: parseConfigPath('/var/lib/isthmus/dhcp-options'),
  dhcpAlternatePort: 6701,
  dhcpAuthoritative: true,
  dhcpIgnoreClid: true,
  dhcpIgnoreNames: true,
};

const host = {
  macAddress: parseMacAddress('02:00:4c:9f:00:01'),
  address: parseIpv4Address('10.1.1.5'),
  name: parseFqdn('vm1.cs1.internal'),
};
const goldens: Readonly<Record<string, string>> = {
  'main.conf': renderMainConfig(whole),
  'dhcp-hosts': renderDhcpHosts([
    host,
    { ...host, address: parseIpv4Address('10.1.1.6'), tags: [parseDhcpTag('secondary'), parseDhcpTag('h1')] },
  ]),
  'dhcp-options': renderDhcpOptions([
    { option: 'router', addresses: [parseIpv4Address('10.1.1.1')] },
    { option: 'dns-server', addresses: [parseIpv4Address('10.1.1.1'), parseIpv4Address('9.9.9.9')] },
    { option: 'domain-name', domain: parseFqdn('cs1.internal') },
    { option: 'mtu', bytes: 1450 },
    { option: 'withheld', code: 3, tag: parseDhcpTag('secondary') },
    { option: 'addresses', code: 42, addresses: [parseIpv4Address('10.1.1.9')] },
    { option: 'text', code: 67, text: 'boot/pxe, #1 "'.slice(0, -1) },
    { option: 'domains', code: 119, domains: [parseFqdn('a.example'), parseFqdn('b.example')] },
    { option: 'octets', code: 114, octets: [0, 10, 255] },
    { option: 'octets', code: 19, octets: [1] },
  ]),
  'dns-hosts': renderHosts([{ address: host.address, names: [host.name, parseHostname('vm1')] }]),
  servers: renderServers([
    { kind: 'local', domain: parseFqdn('cs1.internal') },
    { kind: 'forward', address: parseIpv4Address('9.9.9.9') },
  ]),
  leases: renderLeases([
    { expiresAt: 1_800_000_000, macAddress: host.macAddress, address: host.address, name: host.name, clientId: null },
  ]),
};

for (const [name, text] of Object.entries(goldens)) {
  test(`golden file ${name}`, async (t) => {
    const golden = new URL(`./golden/${name}`, import.meta.url);
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
    t.is(text, await readFile(golden, 'utf8'));
  });
}

test('nothing that was cast past its type is written', (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9.-]{0,6}[\n\r,# "'\\\0=;{}][a-z0-9.-]{0,6}$/), (text) => {
      const message = { message: /expected/ };
      t.throws(() => renderDhcpHosts([{ ...host, name: text as Fqdn }]), message);
      t.throws(() => renderDhcpHosts([{ ...host, macAddress: text as MacAddress }]), message);
      t.throws(() => renderHosts([{ address: host.address, names: [text as Fqdn] }]), message);
      t.throws(() => renderServers([{ kind: 'local', domain: text as Fqdn }]), message);
      t.throws(() => renderDhcpOptions([{ option: 'domain-name', domain: text as Fqdn }]), message);
      t.throws(() => renderMainConfig({ ...whole, interfaces: [text as InterfaceName] }), message);
      t.not(validateMainConfig({ ...whole, domain: text as Fqdn }).length, 0);
      t.not(validateHosts([{ address: host.address, names: [text as Fqdn] }]).length, 0);
    }),
  );
});

test('a bare label is no name in a DHCP host: it could be a keyword or a lease time', (t) => {
  for (const name of ['ignore', 'infinite', '24h', '3600', '10.1.1.9']) {
    t.regex(validateDhcpHosts([{ ...host, name: name as Fqdn }])[0]?.message ?? '', /expected a (domain )?name/, name);
  }
});

test('what contradicts itself is named', (t) => {
  t.deepEqual(validateDhcpHosts([host, { ...host, address: parseIpv4Address('10.1.1.6') }]), [
    { path: 'hosts', message: '"02:00:4c:9f:00:01" stands here twice: expected once' },
  ]);
  t.is(validateMainConfig({ ...whole, interfaces: [] })[0]?.path, 'interfaces');
  t.is(validateMainConfig({ ...whole, cacheSize: -1 })[0]?.path, 'cacheSize');
  const mtu = { option: 'mtu', bytes: 1450 } as const;
  t.is(validateDhcpOptions([mtu, mtu])[0]?.path, 'options');
});

test('a fault of a text names its line', (t) => {
  t.is(t.throws(() => parseHosts('10.1.1.1 a\n10.1.1 b\n'), { instanceOf: ConfigSyntaxError })?.line, 2);
  t.is(t.throws(() => parseMainConfig('no-hosts\ndhcp-script=/bin/sh\n'), { instanceOf: ConfigSyntaxError })?.line, 2);
  t.is(t.throws(() => parseServers('server=9.9.9.9'), { instanceOf: ConfigSyntaxError })?.line, 1);
  t.throws(() => parseMainConfig('no-hosts\nno-hosts\n'), { message: /at most once/ });
  t.throws(() => parseMainConfig('user\n'), { message: /expected a value/ });
});
