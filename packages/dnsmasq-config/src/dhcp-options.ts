// `dhcp-optsfile`: an option a line, as in `--dhcp-option` of dnsmasq(8). Names of options are dnsmasq's (RFC 2132).
import { type Fqdn, InvalidValueError, type Ipv4Address, parseFqdn, parseIpv4Address } from '@isthmus/net';
import { duplicateIssues, type Issue, listIssues, readLines, words } from './config-file.ts';
import { parseWhole } from './values.ts';

/** Options 3, 6, 15 and 26. `bytes` from 68 to 65535. */
export type DhcpOption =
  | { readonly option: 'router' | 'dns-server'; readonly addresses: readonly Ipv4Address[] }
  | { readonly option: 'domain-name'; readonly domain: Fqdn }
  | { readonly option: 'mtu'; readonly bytes: number };

function valuesOf(option: DhcpOption): readonly (string | number)[] {
  switch (option.option) {
    case 'router':
    case 'dns-server':
      return option.addresses;
    case 'domain-name':
      return [option.domain];
    case 'mtu':
      return [option.bytes];
  }
}

function renderOption(option: DhcpOption): string {
  return words([`option:${option.option}`, ...valuesOf(option)]);
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

function parseOption(line: string): DhcpOption {
  const [name = '', ...values] = line.split(',');
  switch (name) {
    case 'option:router':
    case 'option:dns-server':
      return { option: name === 'option:router' ? 'router' : 'dns-server', addresses: addressesOf(values) };
    case 'option:domain-name':
      return { option: 'domain-name', domain: parseFqdn(single(values)) };
    case 'option:mtu':
      return { option: 'mtu', bytes: parseWhole(single(values), 68, 65_535) };
    default:
      throw new InvalidValueError(name, 'option:router, option:dns-server, option:domain-name or option:mtu');
  }
}

/** Options that cannot be written, and options that stand there twice. */
export function validateDhcpOptions(options: readonly DhcpOption[]): Issue[] {
  return [
    ...listIssues('options', options, (option) => parseOption(renderOption(option))),
    ...duplicateIssues(
      'options',
      options.map(({ option }) => option),
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
