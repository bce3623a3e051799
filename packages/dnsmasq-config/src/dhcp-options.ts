// `dhcp-optsfile`: an option a line, as in `--dhcp-option` of dnsmasq(8). Names of options are dnsmasq's (RFC 2132); the
// rest is written by its code.
import {
  type Fqdn,
  InvalidValueError,
  type Ipv4Address,
  type Ipv6Address,
  isIpv4Address,
  parseFqdn,
  parseIpv4Address,
} from '@isthmus/net';
import { duplicateIssues, type Issue, listIssues, readLines, words } from './config-file.ts';
import { bracketed, type DhcpTag, parseBracketed, parseDhcpTag, parseWhole } from './values.ts';

/**
 * What an option says. `mtu` has `bytes` from 68 to 65535; codes are 1 to 254. `withheld`: it is not sent, not even with
 * dnsmasq's default. `text`: printable ASCII without `"` and `\`, for the codes that dnsmasq takes for text. `octets`: the
 * value itself; dnsmasq knows codes whose value it takes in no such form (`services/router` tests which).
 */
type OptionValue =
  | { readonly option: 'router' | 'dns-server'; readonly addresses: readonly Ipv4Address[] }
  | { readonly option: 'domain-name'; readonly domain: Fqdn }
  /** Of DHCPv6 and of router advertisements (RFC 3646, 8106). */
  | { readonly option: 'ipv6-dns-server'; readonly addresses: readonly Ipv6Address[] }
  | { readonly option: 'ipv6-domain-search'; readonly domains: readonly Fqdn[] }
  | { readonly option: 'mtu'; readonly bytes: number }
  | { readonly option: 'withheld'; readonly code: number }
  | { readonly option: 'addresses'; readonly code: number; readonly addresses: readonly Ipv4Address[] }
  | { readonly option: 'domains'; readonly code: number; readonly domains: readonly Fqdn[] }
  | { readonly option: 'text'; readonly code: number; readonly text: string }
  | { readonly option: 'octets'; readonly code: number; readonly octets: readonly number[] };

/** One option, for every host or for those with `tag`, where it stands before one of the same code for every host. */
export type DhcpOption = OptionValue & { readonly tag?: DhcpTag };

/** The one place where text is quoted. Inside quotes dnsmasq gives only `"` and `\` a meaning. */
function quoted(text: string): string {
  if (!/^[ !#-[\]-~]+$/.test(text)) {
    throw new InvalidValueError(text, 'printable ASCII without quotation marks and backslashes');
  }
  return `"${text}"`;
}

function octetText(octets: readonly number[]): string {
  for (const octet of octets) parseWhole(String(octet), 0, 255);
  const [only] = octets;
  if (only === undefined) throw new InvalidValueError('', 'at least one octet');
  // dnsmasq reads one octet in hexadecimal as a decimal number.
  if (octets.length === 1) return String(only);
  return octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}

function nonEmpty<Item>(items: readonly Item[]): readonly Item[] {
  if (items.length === 0) throw new InvalidValueError('', 'at least one value');
  return items;
}

function codeOf(code: number): number {
  return parseWhole(String(code), 1, 254);
}

function valueText(option: DhcpOption): string {
  switch (option.option) {
    case 'router':
    case 'dns-server':
      return words([`option:${option.option}`, ...option.addresses]);
    case 'domain-name':
      return words([`option:${option.option}`, option.domain]);
    case 'ipv6-dns-server':
      return words(['option6:dns-server', ...nonEmpty(option.addresses).map(bracketed)]);
    case 'ipv6-domain-search':
      return words(['option6:domain-search', ...nonEmpty(option.domains)]);
    case 'mtu':
      return words([`option:${option.option}`, option.bytes]);
    case 'withheld':
      return words([codeOf(option.code)]);
    case 'addresses':
      return words([codeOf(option.code), ...nonEmpty(option.addresses)]);
    case 'domains':
      return words([codeOf(option.code), ...nonEmpty(option.domains)]);
    case 'text':
      return `${codeOf(option.code)},${quoted(option.text)}`;
    case 'octets':
      return `${codeOf(option.code)},${octetText(option.octets)}`;
  }
}

function renderOption(option: DhcpOption): string {
  const prefix = option.tag === undefined ? '' : `tag:${parseDhcpTag(option.tag)},`;
  return `${prefix}${valueText(option)}`;
}

function single(values: readonly string[]): string {
  const [value = ''] = values;
  if (values.length !== 1) throw new InvalidValueError(values.join(','), 'one value');
  return value;
}

function addressesOf(values: readonly string[]): Ipv4Address[] {
  if (values.length === 0) throw new InvalidValueError('', 'at least one IPv4 address');
  return values.map(parseIpv4Address);
}

function namedOption(name: string, values: readonly string[]): OptionValue {
  switch (name) {
    case 'option:router':
    case 'option:dns-server':
      return { option: name === 'option:router' ? 'router' : 'dns-server', addresses: addressesOf(values) };
    case 'option:domain-name':
      return { option: 'domain-name', domain: parseFqdn(single(values)) };
    case 'option6:dns-server':
      return { option: 'ipv6-dns-server', addresses: nonEmpty(values).map(parseBracketed) };
    case 'option6:domain-search':
      return { option: 'ipv6-domain-search', domains: nonEmpty(values).map(parseFqdn) };
    case 'option:mtu':
      return { option: 'mtu', bytes: parseWhole(single(values), 68, 65_535) };
    default:
      throw new InvalidValueError(name, 'the name of an option that Isthmus uses, or a code');
  }
}

function codedOption(code: number, value: string | undefined): OptionValue {
  if (value === undefined) return { option: 'withheld', code };
  const [, text] = /^"([ !#-[\]-~]+)"$/.exec(value) ?? [];
  if (text !== undefined) return { option: 'text', code, text };
  if (/^[0-9a-f]{2}(?::[0-9a-f]{2})+$/.test(value)) {
    return { option: 'octets', code, octets: value.split(':').map((octet) => Number.parseInt(octet, 16)) };
  }
  if (/^\d+$/.test(value)) return { option: 'octets', code, octets: [parseWhole(value, 0, 255)] };
  const values = value.split(',');
  if (values.every(isIpv4Address)) return { option: 'addresses', code, addresses: addressesOf(values) };
  return { option: 'domains', code, domains: values.map(parseFqdn) };
}

function parseOption(line: string): DhcpOption {
  const [, tag, name = '', value] = /^(?:tag:([^,]*),)?([^,]*)(?:,(.*))?$/s.exec(line) ?? [];
  const option = /^[1-9]\d*$/.test(name)
    ? codedOption(parseWhole(name, 1, 254), value)
    : namedOption(name, value?.split(',') ?? []);
  return { ...option, ...(tag !== undefined && { tag: parseDhcpTag(tag) }) };
}

/** Options that cannot be written, and options that stand there twice for the same hosts. */
export function validateDhcpOptions(options: readonly DhcpOption[]): Issue[] {
  return [
    ...listIssues('options', options, (option) => parseOption(renderOption(option))),
    ...duplicateIssues(
      'options',
      options.map((option) => `${'code' in option ? option.code : option.option} ${option.tag ?? ''}`),
    ),
  ];
}

/** The text of an options file. */
export function renderDhcpOptions(options: readonly DhcpOption[]): string {
  return options.map((option) => `${renderOption(option)}\n`).join('');
}

/** Reads what `renderDhcpOptions` writes. Throws ConfigSyntaxError. */
export function parseDhcpOptions(text: string): DhcpOption[] {
  return readLines(text, parseOption);
}
