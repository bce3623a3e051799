// A server of a proxy: the words of its line in a file, which are also those of `add server` in the runtime API.
import { InvalidValueError, type Ipv4Address, parseIpv4Address } from '@isthmus/net';
import type { Line } from './config-file.ts';
import { type ProxyName, parseProxyName, parseTime, parseWhole, writeTime } from './values.ts';

/** How often a server is checked, and after how many results in a row it counts as down (`fall`) or up (`rise`). */
export interface ServerCheck {
  readonly intervalMs: number;
  readonly rise: number;
  readonly fall: number;
}

/** `weight` 0: it keeps what it has and gets nothing new. `proxyProtocol`: version 1 goes before each connection. */
export interface ServerConfig {
  readonly name: ProxyName;
  readonly address: Ipv4Address;
  readonly port: number;
  readonly weight: number;
  readonly proxyProtocol: boolean;
  readonly check: ServerCheck | null;
}

/** What stands behind the name, address and port. */
export function serverOptions({ weight, proxyProtocol, check }: ServerConfig): Line {
  return [
    'weight',
    weight,
    ...(proxyProtocol ? ['send-proxy'] : []),
    ...(check === null ? [] : ['check', 'inter', writeTime(check.intervalMs), 'rise', check.rise, 'fall', check.fall]),
  ];
}

/** Its line in a file. */
export function serverLine(server: ServerConfig): Line {
  return ['server', server.name, `${server.address}:${server.port}`, ...serverOptions(server)];
}

function readCheck(words: readonly string[]): ServerCheck | null {
  if (words.length === 0) return null;
  const [check, inter, interval, rise, rises, fall, falls, ...rest] = words;
  if (check !== 'check' || inter !== 'inter' || rise !== 'rise' || fall !== 'fall' || rest.length > 0) {
    throw new InvalidValueError(words.join(' '), 'check inter TIME rise NUMBER fall NUMBER');
  }
  return { intervalMs: parseTime(interval), rise: parseWhole(rises, 1, 100), fall: parseWhole(falls, 1, 100) };
}

/** Reads the words of `serverLine`. Throws InvalidValueError. */
export function readServer(words: readonly string[]): ServerConfig {
  const [keyword, name = '', where = '', weightWord, weight, ...rest] = words;
  if (keyword !== 'server' || weightWord !== 'weight') {
    throw new InvalidValueError(words.join(' '), 'server NAME ADDRESS:PORT weight NUMBER');
  }
  const [address = '', port, ...more] = where.split(':');
  if (more.length > 0) throw new InvalidValueError(where, 'an address and a port');
  const proxyProtocol = rest[0] === 'send-proxy';
  return {
    name: parseProxyName(name),
    address: parseIpv4Address(address),
    port: parseWhole(port, 1, 65_535),
    weight: parseWhole(weight, 0, 256),
    proxyProtocol,
    check: readCheck(proxyProtocol ? rest.slice(1) : rest),
  };
}
