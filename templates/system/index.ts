// Kernel settings of a router's network namespace: a host that forwards, but answers only for what is its own.
// net.ipv4.ip_forward is not here: it is the last step of routing, when the rules stand.
import type { RouterSettings } from '@isthmus/contract';

type SystemSettings = RouterSettings['system'];
type RoutingSettings = RouterSettings['routing'];

/** One kernel setting (sysctl(8)), its key with slashes, so that an interface's name may hold a dot. */
export interface Sysctl {
  readonly key: string;
  readonly value: string;
  /** False where a kernel may refuse it to a namespace; the router then serves without it, and says so. */
  readonly required: boolean;
}

function required(key: string, value: number): Sysctl {
  return { key, value: String(value), required: true };
}

function optional(key: string, value: number): Sysctl {
  return { key, value: String(value), required: false };
}

/** For these the value of `all` is enough, whatever an interface's own is (Documentation/networking/ip-sysctl.rst). */
const ipv4 = [
  // A packet comes in where an answer to it would go out (RFC 3704, strict mode).
  ['rp_filter', 1],
  ['accept_redirects', 0],
  ['accept_source_route', 0],
  // Weak host model: an address is answered for, and used as a sender, on its own interface alone.
  ['arp_ignore', 1],
  ['arp_announce', 2],
  ['arp_notify', 1],
  // Without it the removal of an interface's first address takes the others of its network along.
  ['promote_secondaries', 1],
] as const;

/** UDP: RFC 4787, REQ-5 (two minutes at least, five recommended). TCP: RFC 5382, REQ-5 (124 minutes at least). */
const conntrack = [
  ['nf_conntrack_tcp_loose', 0],
  ['nf_conntrack_tcp_timeout_established', 86_400],
  ['nf_conntrack_udp_timeout', 120],
  ['nf_conntrack_udp_timeout_stream', 300],
] as const;

/** The kernel settings of a router, in the order in which they are written. */
export function renderSysctls(system: SystemSettings, routing: RoutingSettings): Sysctl[] {
  return [
    ...ipv4.flatMap(([name, value]) => [
      required(`net/ipv4/conf/all/${name}`, value),
      required(`net/ipv4/conf/default/${name}`, value),
    ]),
    required('net/ipv4/conf/all/send_redirects', 0),
    required('net/ipv4/conf/default/send_redirects', 0),
    // One interface's own 1 is enough for the kernel to send redirects.
    ...routing.interfaces.map(({ name }) => required(`net/ipv4/conf/${name}/send_redirects`, 0)),
    // No IPv6 until the router has rules for it. A kernel without IPv6 has no such key.
    optional('net/ipv6/conf/all/disable_ipv6', 1),
    optional('net/ipv6/conf/default/disable_ipv6', 1),
    ...conntrack.map(([name, value]) => optional(`net/netfilter/${name}`, value)),
    optional('net/netfilter/nf_conntrack_max', system.conntrackMax),
  ];
}

/** Lines for `sysctl -p -`. */
export function sysctlText(settings: readonly Pick<Sysctl, 'key' | 'value'>[]): string {
  return settings.map(({ key, value }) => `${key} = ${value}\n`).join('');
}

/** Reads what sysctl(8) prints: values by key with slashes. */
export function parseSysctls(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const separator = line.indexOf(' = ');
    if (separator > 0) values.set(slashed(line.slice(0, separator)), line.slice(separator + 3).trim());
  }
  return values;
}

/** sysctl(8) prints keys with dots, and a dot of a name as a slash. */
function slashed(key: string): string {
  return key.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
}
