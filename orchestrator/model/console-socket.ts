// Names and ports at which browsers reach console proxies.
import type { Ipv4Address } from '@isthmus/net';

/** TCP port of proxies without TLS, and with it; setting consoleproxy.url.port overrides both. */
export const plainConsolePort = 8080;
export const tlsConsolePort = 8443;

/** The domain of a suffix as uploadCustomCertificate takes it: `*.console.example.org` or `console.example.org`. */
export function domainOfSuffix(suffix: string): string {
  return suffix.replace(/^\*?\./, '').toLowerCase();
}

/** `192.0.2.7` below `*.console.example.org` is `192-0-2-7.console.example.org`; without a suffix the address itself. */
export function socketHost(address: Ipv4Address, suffix: string | null): string {
  return suffix === null ? address : `${address.replaceAll('.', '-')}.${domainOfSuffix(suffix)}`;
}
