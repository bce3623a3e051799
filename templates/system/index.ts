// Kernel settings of a router's network namespace: a host that forwards, but answers only for what is its own.
// Forwarding is not here, of either family: it is the last step of routing, when the rules stand.
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

/**
 * Of a NIC with IPv6. The router's addresses are given to it and nobody else's, so that it neither hears advertisements nor
 * asks whether an address is taken: an address is there at once, and no other host can keep it from the router by claiming
 * it (RFC 4862, 5.4). Neighbours are told when an address comes.
 */
const ipv6Nic = [
  ['accept_ra', 0],
  ['autoconf', 0],
  ['accept_redirects', 0],
  ['accept_dad', 0],
  ['dad_transmits', 0],
  ['ndisc_notify', 1],
] as const;

type Interface = RoutingSettings['interfaces'][number];

/** Kernel settings of NICs for IPv6: off where a NIC has no address of it, and where it has one on as the last of them. */
export function renderIpv6Nics(interfaces: readonly Pick<Interface, 'name' | 'ipv6'>[]): Sysctl[] {
  const nics = interfaces.flatMap(({ name, ipv6 }) =>
    ipv6 === undefined
      ? [optional(`net/ipv6/conf/${name}/disable_ipv6`, 1)]
      : [
          ...ipv6Nic.map(([key, value]) => optional(`net/ipv6/conf/${name}/${key}`, value)),
          required(`net/ipv6/conf/${name}/disable_ipv6`, 0),
        ],
  );
  // The kernel asks each interface's own value; writing that of `all` would turn every interface on or off.
  const isDualStack = interfaces.some(({ ipv6 }) => ipv6 !== undefined);
  return [
    ...(isDualStack ? [optional('net/ipv6/conf/lo/disable_ipv6', 0)] : [optional('net/ipv6/conf/all/disable_ipv6', 1)]),
    optional('net/ipv6/conf/default/disable_ipv6', 1),
    ...nics,
  ];
}

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
    // No IPv6 where the network has none. A kernel without IPv6 has no such key.
    ...renderIpv6Nics(routing.interfaces),
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
