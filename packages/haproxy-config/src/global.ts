// The file before those of the proxies: the process, what all proxies begin with, and the peer that keeps stick tables.
import { InvalidValueError, type Ipv4Address, parseIpv4Address } from '@isthmus/net';
import { type Issue, issueOf, type Line, readSections, writeSection } from './config-file.ts';
import { peersName } from './stickiness.ts';
import {
  type AccountName,
  type ConfigPath,
  type ProxyName,
  parseAccountName,
  parseConfigPath,
  parseProxyName,
  parseTime,
  parseWhole,
  writeTime,
} from './values.ts';

/** `peer`: where this process and the one that replaces it meet to hand stick tables over, on the loopback interface. */
export interface GlobalConfig {
  readonly user: AccountName;
  readonly group: AccountName;
  /** An empty directory. */
  readonly chroot: ConfigPath;
  readonly maxConnections: number;
  readonly threads: number;
  /** How long a worker that was replaced may go on with its connections. */
  readonly hardStopAfterMs: number;
  readonly peer: { readonly name: ProxyName; readonly address: Ipv4Address; readonly port: number };
}

/** Forward secrecy and authenticated encryption only (Mozilla's "intermediate" without its CBC and DHE suites). */
const ciphers = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
const cipherSuites = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/** Lines that are the same for every router, between those of a model. */
const processLines: readonly Line[] = [
  ['no', 'strict-limits'],
  ['ssl-default-bind-ciphers', ciphers],
  ['ssl-default-bind-ciphersuites', cipherSuites],
  ['ssl-default-bind-options', 'ssl-min-ver', 'TLSv1.2', 'no-tls-tickets'],
  ['tune.ssl.default-dh-param', 2048],
];

const defaultLines: readonly Line[] = [
  ['defaults'],
  ['option', 'redispatch'],
  // A worker that is being replaced ends a client's idle connection with its next answer, not under its next request.
  ['option', 'idle-close-on-response'],
  ['option', 'dontlognull'],
  ['retries', 3],
];

function linesOf(config: GlobalConfig): readonly (readonly Line[])[] {
  const { user, group, chroot, maxConnections, threads, hardStopAfterMs, peer } = config;
  return [
    [
      ['global'],
      ['user', parseAccountName(user)],
      ['group', parseAccountName(group)],
      ['chroot', parseConfigPath(chroot)],
      ['maxconn', maxConnections],
      ['nbthread', threads],
      ['hard-stop-after', writeTime(hardStopAfterMs)],
      ['localpeer', parseProxyName(peer.name)],
      ...processLines,
    ],
    defaultLines,
    [
      ['peers', peersName],
      ['peer', peer.name, `${peer.address}:${peer.port}`],
    ],
  ];
}

/** The text of the file. */
export function renderGlobal(config: GlobalConfig): string {
  return linesOf(config).map(writeSection).join('\n');
}

/** Values that cannot be written. */
export function validateGlobal(config: GlobalConfig): Issue[] {
  return issueOf('', () => parseGlobal(renderGlobal(config)));
}

/** Reads what `renderGlobal` writes. Throws ConfigSyntaxError or InvalidValueError. */
export function parseGlobal(text: string): GlobalConfig {
  const [lines = [], , peers = []] = readSections(text.replaceAll('\n\n', '\n'));
  const value = (keyword: string) => lines.find(([word]) => word === keyword)?.[1] ?? '';
  const [, name = '', where = ''] = peers[1] ?? [];
  const [address = '', port] = where.split(':');
  const config: GlobalConfig = {
    user: parseAccountName(value('user')),
    group: parseAccountName(value('group')),
    chroot: parseConfigPath(value('chroot')),
    maxConnections: parseWhole(value('maxconn'), 1, 10_000_000),
    threads: parseWhole(value('nbthread'), 1, 64),
    hardStopAfterMs: parseTime(value('hard-stop-after')),
    peer: { name: parseProxyName(name), address: parseIpv4Address(address), port: parseWhole(port, 1, 65_535) },
  };
  if (renderGlobal(config) !== text) throw new InvalidValueError(text, 'the global file as Isthmus writes it');
  return config;
}
