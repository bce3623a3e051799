// The kernel's table of neighbours (ARP, NDP) is one for a whole machine, all network namespaces together, and has room for
// 1,024: a single network of a thousand guests fills it, and then nobody is reached (ip-sysctl.rst, neigh/default/gc_thresh3).
import type { Host } from '@isthmus/host';

/** Entries that are never collected, that are after five seconds, and at most: 300 bytes each where they are in use. */
const thresholds = { gc_thresh1: 8_192, gc_thresh2: 32_768, gc_thresh3: 65_536 } as const;

/** Widens the machine's tables where they are narrower. What the kernel refuses is told and stays. */
export async function widenNeighbourTables({ commands, log }: Host): Promise<void> {
  for (const family of ['ipv4', 'ipv6']) {
    const key = (name: string) => `net.${family}.neigh.default.${name}`;
    const found = await commands.run('sysctl', ['-n', key('gc_thresh3')], { okCodes: [0, 1, 255] });
    // A network namespace has no such key, and a kernel without IPv6 none of it.
    if (found.exitCode !== 0 || Number(found.stdout) >= thresholds.gc_thresh3) continue;
    // The widest first: the kernel collects by all three.
    const settings = Object.entries(thresholds).toReversed();
    const args = settings.map(([name, value]) => `${key(name)}=${value}`);
    const { exitCode, stderr } = await commands.run('sysctl', ['-qw', ...args], { okCodes: [0, 1, 255] });
    if (exitCode !== 0) log.warn('the table of neighbours stays as it is', { family, stderr });
  }
}
