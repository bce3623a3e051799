// `servers-file`: where queries go, as in `--server` of dnsmasq(8). Unlike the main file it is read again on SIGHUP.
import { type Fqdn, InvalidValueError, type Ipv4Address, parseFqdn, parseIpv4Address } from '@isthmus/net';
import { type Issue, listIssues, readLines, word } from './config-file.ts';

/** `local`: names of `domain` are answered from the hosts files alone. `forward`: everything else goes to `address`. */
export type DnsServer =
  | { readonly kind: 'local'; readonly domain: Fqdn }
  | { readonly kind: 'forward'; readonly address: Ipv4Address };

function renderServer(server: DnsServer): string {
  return server.kind === 'local' ? `server=/${word(server.domain)}/` : `server=${word(server.address)}`;
}

function parseServer(line: string): DnsServer {
  const [, domain, address] = /^server=(?:\/([^/]+)\/|([^/]+))$/.exec(line) ?? [];
  if (domain !== undefined) return { kind: 'local', domain: parseFqdn(domain) };
  if (address !== undefined) return { kind: 'forward', address: parseIpv4Address(address) };
  throw new InvalidValueError(line, 'server=/DOMAIN/ or server=ADDRESS');
}

/** Servers that cannot be written. */
export function validateServers(servers: readonly DnsServer[]): Issue[] {
  return listIssues('servers', servers, (server) => parseServer(renderServer(server)));
}

/** The text of a servers file, in order: with `strict-order` the first forwarder that answers is taken. */
export function renderServers(servers: readonly DnsServer[]): string {
  return servers.map((server) => `${renderServer(server)}\n`).join('');
}

/** Reads what `renderServers` writes. Throws ConfigSyntaxError. */
export function parseServers(text: string): DnsServer[] {
  return readLines(text, parseServer);
}
