// The main configuration: the options of dnsmasq(8) that Isthmus uses, each typed, none a free string.
import {
  cidrRange,
  type Fqdn,
  type InterfaceName,
  InvalidValueError,
  type Ipv4Address,
  type Ipv4Cidr,
  type Ipv6Address,
  type Ipv6Cidr,
  ipv6CidrRange,
  ipv6PrefixLengthOf,
  netmaskOf,
  parseFqdn,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseIpv6Address,
  parseIpv6Cidr,
  prefixLengthOf,
  prefixLengthOfNetmask,
} from '@isthmus/net';
import { duplicateIssues, type Issue, issueOf, readLines, word, words } from './config-file.ts';
import { type AccountName, type ConfigPath, parseAccountName, parseConfigPath, parseWhole } from './values.ts';

/** A network whose reserved hosts get leases, and nobody else. `leaseTimeSeconds` from 120 to 4294967294. */
export interface StaticRange {
  readonly network: Ipv4Cidr;
  readonly leaseTimeSeconds: number;
}

/** The same of IPv6, where hosts give themselves addresses as well (RFC 4862). */
export interface Ipv6StaticRange {
  readonly family: 6;
  readonly network: Ipv6Cidr;
  readonly leaseTimeSeconds: number;
}

/** What router advertisements say on an interface: the MTU, or the interface's own; how often, and for how long they hold. */
export interface RouterAdvertisement {
  readonly interface: InterfaceName;
  readonly mtu: number | null;
  readonly intervalSeconds: number;
  readonly lifetimeSeconds: number;
}

/** Null or false: the option is absent. Properties are dnsmasq's options in camel case. */
export interface MainConfig {
  readonly keepInForeground: boolean;
  readonly user: AccountName | null;
  readonly group: AccountName | null;
  readonly pidFile: ConfigPath | null;
  /** Log to standard error. */
  readonly logToStandardError: boolean;
  readonly quietDhcp: boolean;
  /** Where DNS is answered; 0: nowhere. Null: 53. */
  readonly port: number | null;
  readonly interfaces: readonly InterfaceName[];
  readonly exceptInterfaces: readonly InterfaceName[];
  /** Answers on the listed interfaces' addresses only, and there only what came in by that interface. */
  readonly bindDynamic: boolean;
  readonly noHosts: boolean;
  readonly noResolv: boolean;
  readonly noPoll: boolean;
  readonly domainNeeded: boolean;
  readonly bogusPriv: boolean;
  /** Answers nobody's CHAOS queries, such as for its version. */
  readonly noIdent: boolean;
  readonly strictOrder: boolean;
  /** Names of upstream answers kept. */
  readonly cacheSize: number | null;
  /** Forwarded queries under way at once. */
  readonly dnsForwardMax: number | null;
  /** Largest UDP answer in bytes (EDNS). */
  readonly ednsPacketMax: number | null;
  readonly serversFile: ConfigPath | null;
  readonly addnHosts: ConfigPath | null;
  readonly hostsDir: ConfigPath | null;
  readonly domain: Fqdn | null;
  readonly dhcpRanges: readonly (StaticRange | Ipv6StaticRange)[];
  /** Sends router advertisements for the IPv6 ranges (RFC 4861). */
  readonly enableRa: boolean;
  readonly raParams: readonly RouterAdvertisement[];
  readonly dhcpLeaseMax: number | null;
  readonly dhcpLeaseFile: ConfigPath | null;
  readonly dhcpHostsFile: ConfigPath | null;
  readonly dhcpHostsDir: ConfigPath | null;
  readonly dhcpOptsFile: ConfigPath | null;
  /** Where DHCP is answered instead of port 67. Clients stay at 68. */
  readonly dhcpAlternatePort: number | null;
  readonly dhcpAuthoritative: boolean;
  readonly dhcpIgnoreClid: boolean;
  readonly dhcpIgnoreNames: boolean;
}

/** How one property is written: the option's name, each of its values, and its values read back. */
interface Option<Value> {
  readonly name: string;
  /** Text after `=` for each line; null is an option without a value. */
  write(value: Value): readonly (string | null)[];
  read(values: readonly (string | null)[]): Value;
}

type Read<Item> = (text: string) => Item;

function given(value: string | null | undefined): string {
  if (value === null || value === undefined) throw new InvalidValueError('', 'a value after "="');
  return value;
}

function atMostOne<Value>(name: string, values: readonly Value[]): void {
  if (values.length > 1) throw new InvalidValueError(name, 'this option at most once');
}

/** An option without a value. `fixed` is for one that this model knows with a single value only. */
function flag(name: string, fixed: string | null = null): Option<boolean> {
  return {
    name,
    write: (value) => (value ? [fixed] : []),
    read: (values) => {
      atMostOne(name, values);
      if (values.some((value) => value !== fixed)) throw new InvalidValueError(values[0], fixed ?? 'no value');
      return values.length > 0;
    },
  };
}

function one<Item extends string | number>(name: string, read: Read<Item>): Option<Item | null> {
  return {
    name,
    write: (value) => (value === null ? [] : [word(value)]),
    read: (values) => {
      atMostOne(name, values);
      return values.length === 0 ? null : read(given(values[0]));
    },
  };
}

function many<Item>(name: string, write: (item: Item) => string, read: Read<Item>): Option<readonly Item[]> {
  return { name, write: (items) => items.map(write), read: (values) => values.map((value) => read(given(value))) };
}

const whole = (least: number, most: number) => (text: string) => parseWhole(text, least, most);

function writeRange(range: StaticRange | Ipv6StaticRange): string {
  if ('family' in range) {
    const { network, leaseTimeSeconds } = range;
    const { first } = ipv6CidrRange(network);
    return words([first, 'static', 'slaac', ipv6PrefixLengthOf(network), leaseTimeSeconds]);
  }
  const { network, leaseTimeSeconds } = range;
  const { first } = cidrRange(network);
  return words([first, 'static', netmaskOf(prefixLengthOf(network)), leaseTimeSeconds]);
}

function readIpv6Range(text: string): Ipv6StaticRange {
  const [first = '', kind, mode, prefixLength = '', leaseTime = '', ...rest] = text.split(',');
  if (kind !== 'static' || mode !== 'slaac' || rest.length > 0) {
    throw new InvalidValueError(
      text,
      'a network address, "static", "slaac", a prefix length and a lease time in seconds',
    );
  }
  const address: Ipv6Address = parseIpv6Address(first);
  return {
    family: 6,
    network: parseIpv6Cidr(`${address}/${parseWhole(prefixLength, 64, 128)}`),
    leaseTimeSeconds: parseWhole(leaseTime, 120, 4_294_967_294),
  };
}

function writeAdvertisement(advertisement: RouterAdvertisement): string {
  const { interface: name, mtu, intervalSeconds, lifetimeSeconds } = advertisement;
  return words([name, ...(mtu === null ? [] : [`mtu:${mtu}`]), intervalSeconds, lifetimeSeconds]);
}

function readAdvertisement(text: string): RouterAdvertisement {
  const [, name = '', mtu, interval = '', lifetime = ''] = /^([^,]+)(?:,mtu:(\d+))?,(\d+),(\d+)$/.exec(text) ?? [];
  return {
    interface: parseInterfaceName(name),
    mtu: mtu === undefined ? null : parseWhole(mtu, 1280, 65_535),
    intervalSeconds: parseWhole(interval, 4, 1_800),
    lifetimeSeconds: parseWhole(lifetime, 0, 9_000),
  };
}

function readRange(text: string): StaticRange | Ipv6StaticRange {
  if (text.includes(':')) return readIpv6Range(text);
  const [first = '', kind, netmask = '', leaseTime = '', ...rest] = text.split(',');
  if (kind !== 'static' || rest.length > 0) {
    throw new InvalidValueError(text, 'a network address, "static", a netmask and a lease time in seconds');
  }
  const address: Ipv4Address = parseIpv4Address(first);
  return {
    network: parseIpv4Cidr(`${address}/${prefixLengthOfNetmask(parseIpv4Address(netmask))}`),
    leaseTimeSeconds: parseWhole(leaseTime, 120, 4_294_967_294),
  };
}

/** Every option, in the order of the text. */
const options: { readonly [Name in keyof MainConfig]: Option<MainConfig[Name]> } = {
  keepInForeground: flag('keep-in-foreground'),
  user: one('user', parseAccountName),
  group: one('group', parseAccountName),
  pidFile: one('pid-file', parseConfigPath),
  logToStandardError: flag('log-facility', '-'),
  quietDhcp: flag('quiet-dhcp'),
  port: one('port', whole(0, 65_535)),
  interfaces: many('interface', word, parseInterfaceName),
  exceptInterfaces: many('except-interface', word, parseInterfaceName),
  bindDynamic: flag('bind-dynamic'),
  noHosts: flag('no-hosts'),
  noResolv: flag('no-resolv'),
  noPoll: flag('no-poll'),
  domainNeeded: flag('domain-needed'),
  bogusPriv: flag('bogus-priv'),
  noIdent: flag('no-ident'),
  strictOrder: flag('strict-order'),
  cacheSize: one('cache-size', whole(0, 1_000_000)),
  dnsForwardMax: one('dns-forward-max', whole(1, 1_000_000)),
  ednsPacketMax: one('edns-packet-max', whole(512, 65_535)),
  serversFile: one('servers-file', parseConfigPath),
  addnHosts: one('addn-hosts', parseConfigPath),
  hostsDir: one('hostsdir', parseConfigPath),
  domain: one('domain', parseFqdn),
  dhcpRanges: many('dhcp-range', writeRange, readRange),
  enableRa: flag('enable-ra'),
  raParams: many('ra-param', writeAdvertisement, readAdvertisement),
  dhcpLeaseMax: one('dhcp-lease-max', whole(1, 16_777_216)),
  dhcpLeaseFile: one('dhcp-leasefile', parseConfigPath),
  dhcpHostsFile: one('dhcp-hostsfile', parseConfigPath),
  dhcpHostsDir: one('dhcp-hostsdir', parseConfigPath),
  dhcpOptsFile: one('dhcp-optsfile', parseConfigPath),
  dhcpAlternatePort: {
    name: 'dhcp-alternate-port',
    write: (port) => (port === null ? [] : [words([port, 68])]),
    read: (values) => {
      atMostOne('dhcp-alternate-port', values);
      const [, port = null] = /^(\d+),68$/.exec(values[0] ?? '') ?? [];
      if (values.length > 0 && port === null) throw new InvalidValueError(values[0] ?? '', 'a port and 68');
      return port === null ? null : parseWhole(port, 1, 65_535);
    },
  },
  dhcpAuthoritative: flag('dhcp-authoritative'),
  dhcpIgnoreClid: flag('dhcp-ignore-clid'),
  dhcpIgnoreNames: flag('dhcp-ignore-names'),
};

const properties = Object.keys(options) as (keyof MainConfig)[];
const optionNames = new Set(properties.map((property) => options[property].name));

function linesOf<Name extends keyof MainConfig>(config: MainConfig, property: Name): string[] {
  const { name, write }: Option<MainConfig[Name]> = options[property];
  return write(config[property]).map((value) => (value === null ? name : `${name}=${value}`));
}

function rewrite<Name extends keyof MainConfig>(config: MainConfig, property: Name): void {
  const { read, write }: Option<MainConfig[Name]> = options[property];
  read(write(config[property]));
}

/** Values that cannot be written, and combinations that dnsmasq takes but that mean something else than they say. */
export function validateMainConfig(config: MainConfig): Issue[] {
  const listens = config.interfaces.length > 0;
  return [
    ...properties.flatMap((property) => issueOf(property, () => rewrite(config, property))),
    ...duplicateIssues('interfaces', config.interfaces),
    ...(listens ? [] : [{ path: 'interfaces', message: 'none is listed: dnsmasq would answer on every interface' }]),
  ];
}

/** The text of the main configuration. */
export function renderMainConfig(config: MainConfig): string {
  return properties.flatMap((property) => linesOf(config, property).map((line) => `${line}\n`)).join('');
}

function readLine(line: string): { readonly name: string; readonly value: string | null } {
  const [, name = '', value = null] = /^([a-z-]+)(?:=(.*))?$/.exec(line) ?? [];
  if (!optionNames.has(name)) throw new InvalidValueError(line, 'one of the options that Isthmus uses');
  return { name, value };
}

/** Reads what `renderMainConfig` writes, its options in any order. Throws ConfigSyntaxError or InvalidValueError. */
export function parseMainConfig(text: string): MainConfig {
  const lines = readLines(text, readLine);
  const entries = properties.map((property) => {
    const { name, read } = options[property];
    return [property, read(lines.filter((line) => line.name === name).map((line) => line.value))] as const;
  });
  return Object.fromEntries(entries) as unknown as MainConfig;
}
