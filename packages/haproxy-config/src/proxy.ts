// One proxy, a section `listen`: a public address and port, and the servers behind it.
import { InvalidValueError, type Ipv4Address, type Ipv4Cidr, parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import { ConfigSyntaxError, type Issue, issueOf, type Line, readSections, writeSection } from './config-file.ts';
import { readServer, type ServerConfig, serverLine } from './server.ts';
import { readStickiness, type Stickiness, stickinessLines } from './stickiness.ts';
import {
  type ConfigPath,
  expectWords,
  type ProxyName,
  parseConfigPath,
  parseProxyName,
  parseTime,
  parseWhole,
  writeTime,
} from './values.ts';

/** How servers are checked. With `path` by an HTTP GET that answers 2xx or 3xx, else by a TCP connection. */
export interface ProxyCheck {
  readonly path: string | null;
  readonly timeoutMs: number;
}

/** `certificateList`: file of a crt-list; the protocols of `alpn` are offered, if any. */
export interface ProxyTls {
  readonly certificateList: ConfigPath;
  readonly alpn: readonly ('h2' | 'http/1.1')[];
}

/** `sources` empty: anywhere. `forwardFor`: members learn the client's address by X-Forwarded-For; only in mode http. */
export interface ProxyConfig {
  readonly name: ProxyName;
  readonly mode: 'tcp' | 'http';
  readonly address: Ipv4Address;
  readonly port: number;
  readonly tls: ProxyTls | null;
  readonly maxConnections: number;
  readonly clientTimeoutMs: number;
  readonly serverTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly forwardFor: boolean;
  readonly sources: readonly Ipv4Cidr[];
  readonly balance: 'roundrobin' | 'leastconn' | 'source';
  readonly stickiness: Stickiness | null;
  readonly check: ProxyCheck;
  readonly servers: readonly ServerConfig[];
}

/** CIDRs of one line: HAProxy reads 64 words of one. */
const sourcesALine = 32;
/** Printable ASCII without blanks, `"` and `\`. */
const checkPath = /^\/[!#-[\]-~]{0,255}$/;

function bindLine({ address, port, tls }: ProxyConfig): Line {
  const words = ['bind', `${address}:${port}`, 'transparent'];
  if (tls === null) return words;
  const alpn = tls.alpn.length === 0 ? [] : ['alpn', tls.alpn.join(',')];
  return [...words, 'ssl', 'crt-list', parseConfigPath(tls.certificateList), ...alpn];
}

function sourceLines(sources: readonly Ipv4Cidr[]): Line[] {
  if (sources.length === 0) return [];
  const lines: Line[] = [];
  for (let at = 0; at < sources.length; at += sourcesALine) {
    lines.push(['acl', 'permitted', 'src', ...sources.slice(at, at + sourcesALine)]);
  }
  return [...lines, ['tcp-request', 'connection', 'reject', 'if', '!permitted']];
}

/** A hash over the servers only where the source decides: consistent, since any other takes no servers at run time. */
function balanceLines(balance: ProxyConfig['balance']): Line[] {
  return [['balance', balance], ...(balance === 'source' ? [['hash-type', 'consistent']] : [])];
}

function checkLines({ path, timeoutMs }: ProxyCheck): Line[] {
  const timeout = ['timeout', 'check', writeTime(timeoutMs)];
  if (path === null) return [timeout];
  if (!checkPath.test(path)) throw new InvalidValueError(path, 'a path of printable ASCII that begins with a slash');
  return [
    timeout,
    ['option', 'httpchk'],
    ['http-check', 'send', 'meth', 'GET', 'uri', path],
    ['http-check', 'expect', 'status', '200-399'],
  ];
}

/** The text of everything but the servers: what a running HAProxy takes only by a reload. */
export function renderProxyHead(proxy: ProxyConfig): string {
  return writeSection([
    ['listen', parseProxyName(proxy.name)],
    ['mode', proxy.mode],
    bindLine(proxy),
    ['maxconn', proxy.maxConnections],
    ['timeout', 'client', writeTime(proxy.clientTimeoutMs)],
    ['timeout', 'server', writeTime(proxy.serverTimeoutMs)],
    ['timeout', 'connect', writeTime(proxy.connectTimeoutMs)],
    ...(proxy.forwardFor ? [['option', 'forwardfor']] : []),
    ...sourceLines(proxy.sources),
    ...balanceLines(proxy.balance),
    ...(proxy.stickiness === null ? [] : stickinessLines(proxy.stickiness)),
    ...checkLines(proxy.check),
  ]);
}

/** The text of a proxy's file. */
export function renderProxy(proxy: ProxyConfig): string {
  const head = renderProxyHead(proxy);
  const [, ...servers] = writeSection([['listen'], ...proxy.servers.map(serverLine)]).split('\n');
  return `${head}${servers.join('\n')}`;
}

/** Values that cannot be written. */
export function validateProxy(proxy: ProxyConfig): Issue[] {
  const names = new Set(proxy.servers.map(({ name }) => name));
  return [
    ...issueOf('', () => parseProxy(renderProxy(proxy))),
    ...(names.size < proxy.servers.length ? [{ path: 'servers', message: 'expected each name once' }] : []),
  ];
}

/** Lines in the order of the text; each reader takes those that are its own. */
class Reading {
  readonly #lines: readonly string[][];
  #next = 0;

  constructor(lines: readonly string[][]) {
    this.#lines = lines;
  }

  /** The next lines that begin with these words, without them. */
  all(...keyword: string[]): string[][] {
    const taken: string[][] = [];
    for (;;) {
      const line = this.#lines[this.#next];
      if (line === undefined || keyword.some((word, index) => line[index] !== word)) return taken;
      taken.push(line.slice(keyword.length));
      this.#next += 1;
    }
  }

  one(...keyword: string[]): string[] {
    const [line, ...more] = this.all(...keyword);
    if (line === undefined || more.length > 0) throw new InvalidValueError(keyword.join(' '), 'this line once');
    return line;
  }

  /** Every line up to one that begins with these words. */
  until(...keyword: string[]): string[][] {
    const taken: string[][] = [];
    for (let line = this.#lines[this.#next]; line !== undefined; line = this.#lines[this.#next]) {
      if (keyword.every((word, index) => line[index] === word)) break;
      taken.push(line);
      this.#next += 1;
    }
    return taken;
  }

  end(): void {
    const line = this.#lines[this.#next];
    if (line !== undefined) throw new InvalidValueError(line.join(' '), 'no further line');
  }
}

function oneOf<Word extends string>(word: string | undefined, words: readonly Word[]): Word {
  const found = words.find((each) => each === word);
  if (found === undefined) throw new InvalidValueError(word ?? '', words.join(' or '));
  return found;
}

function readTls(words: readonly string[]): ProxyTls | null {
  if (words.length === 0) return null;
  const [ssl, list, path = '', alpn, protocols, ...rest] = words;
  expectWords([ssl, list, ...rest], ['ssl', 'crt-list']);
  if (alpn === undefined) return { certificateList: parseConfigPath(path), alpn: [] };
  expectWords([alpn], ['alpn']);
  const offered = (protocols ?? '').split(',').map((protocol) => oneOf(protocol, ['h2', 'http/1.1'] as const));
  return { certificateList: parseConfigPath(path), alpn: offered };
}

function readSources(reading: Reading): Ipv4Cidr[] {
  const sources = reading.all('acl', 'permitted', 'src').flat().map(parseIpv4Cidr);
  if (sources.length > 0) expectWords(reading.one('tcp-request', 'connection', 'reject'), ['if', '!permitted']);
  return sources;
}

function readBalance(reading: Reading): ProxyConfig['balance'] {
  const balance = oneOf(reading.one('balance')[0], ['roundrobin', 'leastconn', 'source']);
  if (balance === 'source') expectWords(reading.one('hash-type'), ['consistent']);
  return balance;
}

function readCheck(reading: Reading): ProxyCheck {
  const timeoutMs = parseTime(reading.one('timeout', 'check')[0]);
  if (reading.all('option', 'httpchk').length === 0) return { path: null, timeoutMs };
  const [path = ''] = reading.one('http-check', 'send', 'meth', 'GET', 'uri');
  expectWords(reading.one('http-check', 'expect', 'status'), ['200-399']);
  return { path, timeoutMs };
}

function readProxy(lines: readonly string[][]): ProxyConfig {
  const reading = new Reading(lines);
  const name = parseProxyName(reading.one('listen')[0] ?? '');
  const mode = oneOf(reading.one('mode')[0], ['tcp', 'http']);
  const [where = '', transparent, ...tls] = reading.one('bind');
  expectWords([transparent], ['transparent']);
  const [address = '', port] = where.split(':');
  const proxy: ProxyConfig = {
    name,
    mode,
    address: parseIpv4Address(address),
    port: parseWhole(port, 1, 65_535),
    tls: readTls(tls),
    maxConnections: parseWhole(reading.one('maxconn')[0], 1, 10_000_000),
    clientTimeoutMs: parseTime(reading.one('timeout', 'client')[0]),
    serverTimeoutMs: parseTime(reading.one('timeout', 'server')[0]),
    connectTimeoutMs: parseTime(reading.one('timeout', 'connect')[0]),
    forwardFor: reading.all('option', 'forwardfor').length > 0,
    sources: readSources(reading),
    balance: readBalance(reading),
    stickiness: readStickiness(reading.until('timeout', 'check')),
    check: readCheck(reading),
    servers: reading.all('server').map((words) => readServer(['server', ...words])),
  };
  reading.end();
  return proxy;
}

/** Reads what `renderProxy` writes. Throws ConfigSyntaxError or InvalidValueError. */
export function parseProxy(text: string): ProxyConfig {
  const [section, ...more] = readSections(text);
  if (section === undefined || more.length > 0) throw new ConfigSyntaxError(1, 'expected one section');
  const proxy = readProxy(section);
  if (renderProxy(proxy) !== text) throw new InvalidValueError(text, 'a proxy as Isthmus writes it');
  return proxy;
}
