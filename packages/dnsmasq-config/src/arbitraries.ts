// For property tests: any value of each model.
import {
  type Fqdn,
  type Hostname,
  ipv4FromNumber,
  ipv4Network,
  ipv6FromBigInt,
  ipv6Network,
  macFromNumber,
  parseFqdn,
  parseHostname,
  parseInterfaceName,
} from '@isthmus/net';
import fc from 'fast-check';
import type { DhcpHostLine } from './dhcp-hosts.ts';
import type { DhcpOption } from './dhcp-options.ts';
import type { HostsLine } from './hosts.ts';
import type { Ipv6LeaseLine } from './ipv6-leases.ts';
import type { Lease } from './leases.ts';
import type { MainConfig } from './main-config.ts';
import type { DnsServer } from './servers.ts';
import { parseAccountName, parseClientId, parseConfigPath, parseDhcpTag } from './values.ts';

const address = fc.integer({ min: 1, max: 0xffffffff }).map(ipv4FromNumber);
const ipv6Address = fc.bigInt({ min: 1n, max: (1n << 128n) - 1n }).map(ipv6FromBigInt);
const macAddress = fc.integer({ min: 0, max: 0xffffffff }).map(macFromNumber);
const label: fc.Arbitrary<Hostname> = fc
  .oneof(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/), fc.constantFrom('ignore', 'infinite', '24h', '3600'))
  .map(parseHostname);
/** Ends in a label with a letter, as a name of the internet does: never an address. */
const qualifiedName: fc.Arbitrary<Fqdn> = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.stringMatching(/^[a-z]{2,8}$/))
  .map(([labels, last]) => parseFqdn([...labels, last].join('.')));
const path = fc
  .array(fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,9}$/), { minLength: 1, maxLength: 5 })
  .map((parts) => parseConfigPath(`/${parts.join('/')}`));
const interfaceName = fc.stringMatching(/^[a-z][a-z0-9]{0,13}$/).map(parseInterfaceName);
const accountName = fc.stringMatching(/^[a-z_][a-z0-9_-]{0,12}$/).map(parseAccountName);

const tag = fc.stringMatching(/^[a-z0-9]{1,12}$/).map(parseDhcpTag);

export const dhcpHost: fc.Arbitrary<DhcpHostLine> = fc.record(
  {
    macAddress,
    address: fc.oneof(address, ipv6Address),
    name: qualifiedName,
    tags: fc.array(tag, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['macAddress', 'address', 'name'] },
);

const code = fc.integer({ min: 1, max: 254 });
const addresses = fc.array(address, { minLength: 1, maxLength: 4 });
const untaggedOption = fc.oneof(
  fc.record({ option: fc.constant('withheld'), code }),
  fc.record({ option: fc.constant('addresses'), code, addresses }),
  fc.record({ option: fc.constant('domains'), code, domains: fc.array(qualifiedName, { minLength: 1, maxLength: 3 }) }),
  fc.record({ option: fc.constant('text'), code, text: fc.stringMatching(/^[ !#-[\]-~]{1,40}$/) }),
  fc.record({
    option: fc.constant('octets'),
    code,
    octets: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 12 }),
  }),
  fc.record({
    option: fc.constantFrom('router', 'dns-server'),
    addresses: fc.array(address, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ option: fc.constant('domain-name'), domain: qualifiedName }),
  fc.record({
    option: fc.constant('ipv6-dns-server'),
    addresses: fc.array(ipv6Address, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    option: fc.constant('ipv6-domain-search'),
    domains: fc.array(qualifiedName, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ option: fc.constant('mtu'), bytes: fc.integer({ min: 68, max: 65_535 }) }),
);

export const dhcpOption: fc.Arbitrary<DhcpOption> = fc.oneof(
  untaggedOption,
  fc.tuple(untaggedOption, tag).map(([option, name]) => ({ ...option, tag: name })),
);

export const hostsLine: fc.Arbitrary<HostsLine> = fc.record({
  address: fc.oneof(address, ipv6Address),
  names: fc.array(fc.oneof(label, qualifiedName), { minLength: 1, maxLength: 3 }),
});

export const server: fc.Arbitrary<DnsServer> = fc.oneof(
  fc.record({ kind: fc.constant('local'), domain: qualifiedName }),
  fc.record({ kind: fc.constant('forward'), address }),
);

export const lease: fc.Arbitrary<Lease> = fc.record({
  expiresAt: fc.nat(),
  macAddress,
  address,
  name: fc.option(fc.oneof(label, qualifiedName)),
  clientId: fc.option(fc.stringMatching(/^[0-9a-f]{2}(:[0-9a-f]{2}){0,7}$/).map(parseClientId)),
});

const ipv6Range = fc.record({
  family: fc.constant(6 as const),
  network: fc
    .tuple(ipv6Address, fc.integer({ min: 64, max: 128 }))
    .map(([inside, prefixLength]) => ipv6Network(inside, prefixLength)),
  leaseTimeSeconds: fc.integer({ min: 120, max: 4_294_967_294 }),
});

const advertisement = fc.record({
  interface: interfaceName,
  mtu: fc.option(fc.integer({ min: 1280, max: 65_535 })),
  intervalSeconds: fc.integer({ min: 4, max: 1800 }),
  lifetimeSeconds: fc.integer({ min: 0, max: 9000 }),
});

const duid = fc.stringMatching(/^[0-9a-f]{2}(:[0-9a-f]{2}){3,17}$/).map(parseClientId);

export const ipv6LeaseLine: fc.Arbitrary<Ipv6LeaseLine> = fc.oneof(
  fc.record({ serverDuid: duid }),
  fc.record({
    expiresAt: fc.nat(),
    iaid: fc.integer({ min: 0, max: 0xffffffff }),
    address: ipv6Address,
    name: fc.option(fc.oneof(label, qualifiedName)),
    duid,
  }),
);

const range = fc.record({
  network: fc
    .tuple(address, fc.integer({ min: 8, max: 30 }))
    .map(([inside, prefixLength]) => ipv4Network(inside, prefixLength)),
  leaseTimeSeconds: fc.integer({ min: 120, max: 4_294_967_294 }),
});

export const mainConfig: fc.Arbitrary<MainConfig> = fc.record({
  keepInForeground: fc.boolean(),
  user: fc.option(accountName),
  group: fc.option(accountName),
  pidFile: fc.option(path),
  logToStandardError: fc.boolean(),
  quietDhcp: fc.boolean(),
  port: fc.option(fc.integer({ min: 0, max: 65_535 })),
  interfaces: fc.uniqueArray(interfaceName, { minLength: 1, maxLength: 3 }),
  exceptInterfaces: fc.uniqueArray(interfaceName, { maxLength: 2 }),
  bindDynamic: fc.boolean(),
  noHosts: fc.boolean(),
  noResolv: fc.boolean(),
  noPoll: fc.boolean(),
  domainNeeded: fc.boolean(),
  bogusPriv: fc.boolean(),
  noIdent: fc.boolean(),
  strictOrder: fc.boolean(),
  cacheSize: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
  dnsForwardMax: fc.option(fc.integer({ min: 1, max: 1_000_000 })),
  ednsPacketMax: fc.option(fc.integer({ min: 512, max: 65_535 })),
  serversFile: fc.option(path),
  addnHosts: fc.option(path),
  hostsDir: fc.option(path),
  domain: fc.option(qualifiedName),
  dhcpRanges: fc.array(fc.oneof(range, ipv6Range), { maxLength: 2 }),
  dhcpLeaseMax: fc.option(fc.integer({ min: 1, max: 16_777_216 })),
  dhcpLeaseFile: fc.option(path),
  dhcpHostsFile: fc.option(path),
  dhcpHostsDir: fc.option(path),
  dhcpOptsFile: fc.option(path),
  dhcpAlternatePort: fc.option(fc.integer({ min: 1, max: 65_535 })),
  dhcpAuthoritative: fc.boolean(),
  dhcpIgnoreClid: fc.boolean(),
  dhcpIgnoreNames: fc.boolean(),
  enableRa: fc.boolean(),
  raParams: fc.array(advertisement, { maxLength: 2 }),
});
