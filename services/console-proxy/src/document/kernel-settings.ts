// Kernel settings of the proxy's own network namespace: it routes nothing, answers for an address on its own NIC alone, and
// takes packets from where they would be answered to.
import { writeFile } from 'node:fs/promises';
import { consolePublicInterface, controlInterface } from '@isthmus/contract';
import type { Log } from '@isthmus/host';

const perInterface = {
  rp_filter: '1',
  arp_ignore: '1',
  arp_announce: '2',
  accept_redirects: '0',
  secure_redirects: '0',
  send_redirects: '0',
  accept_source_route: '0',
  // An address that comes before the old one of the same network goes stays.
  promote_secondaries: '1',
} as const;

const interfaces = ['all', 'default', controlInterface, consolePublicInterface];

/** By their paths below /proc/sys/net; all are a network namespace's own. */
const settings: readonly (readonly [key: string, value: string])[] = [
  ['ipv4/ip_forward', '0'],
  ['ipv4/tcp_syncookies', '1'],
  ['ipv4/icmp_echo_ignore_broadcasts', '1'],
  ...['all', 'default'].map((name) => [`ipv6/conf/${name}/disable_ipv6`, '1'] as const),
  ...interfaces.flatMap((name) =>
    Object.entries(perInterface).map(([key, value]) => [`ipv4/conf/${name}/${key}`, value] as const),
  ),
];

/** Writes them. A kernel without a key, such as one without IPv6, has nothing to set; what it refuses is told. */
export async function setKernel(log: Log): Promise<void> {
  for (const [key, value] of settings) {
    try {
      await writeFile(`/proc/sys/net/${key}`, value, { flag: 'r+' });
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isAbsent) log.warn('a kernel setting stays as it is', { key, value, reason: String(error) });
    }
  }
}
