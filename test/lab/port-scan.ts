// Ports of a router: what the reference page says, and what nmap finds.
import { readFile } from 'node:fs/promises';
import type { Host } from '@isthmus/host';

/** From where a router is looked at. */
export type Side = 'guest' | 'public' | 'control';

const page = new URL('../../docs/reference/ports.md', import.meta.url);

/** The open ports of a router that docs/reference/ports.md lists for a side, such as `TCP 53`, sorted. */
export async function documentedPorts(side: Side): Promise<string[]> {
  const [text = ''] = (await readFile(page, 'utf8')).split('## In a console proxy');
  const rows = [...text.matchAll(/^\| (guest|public|control) \| ((?:TCP|UDP) \d+) \|/gm)];
  if (rows.length === 0) throw new Error('docs/reference/ports.md: expected a table of the ports of a router');
  return rows.flatMap(([, where, port = '']) => (where === side ? [port] : [])).sort();
}

/**
 * The open ports of a console proxy that the page lists for a side; `port` is the one of its document, which the page calls
 * `TCP consoleproxy.url.port`.
 */
export async function documentedProxyPorts(side: 'public' | 'control', port: number): Promise<string[]> {
  const text = await readFile(page, 'utf8');
  const [, section = ''] = text.split('## In a console proxy');
  const rows = [...section.matchAll(/^\| (public|control) \| (TCP \d+|TCP `consoleproxy\.url\.port`) \|/gm)];
  if (rows.length === 0) throw new Error('docs/reference/ports.md: expected a table of the ports of a console proxy');
  return rows.flatMap(([, where, words = '']) => (where === side ? [words.replace(/`.*`/, String(port))] : [])).sort();
}

/** Ports that a router of this kind might have open: what it serves, and what routers of the field serve. */
const likelyTcp = '22,53,80,443,500,1723,3128,3922,8080,8250,9090';
const likelyUdp = '53,67,68,69,111,123,161,500,514,1194,1701,3784,4500,4789,5353,51820';

async function scan(from: Host, address: string, args: readonly string[]): Promise<string[]> {
  const words = ['-n', '-Pn', '-T4', '--max-rtt-timeout', '400ms', '-oG', '-', ...args, address];
  const { stdout } = await from.commands.run('nmap', words, { timeoutMs: 120_000 });
  return [...stdout.matchAll(/(\d+)\/open\/(tcp|udp)\//g)].map(
    ([, port, protocol = '']) => `${protocol.toUpperCase()} ${port}`,
  );
}

/**
 * The ports that answer at an address, as seen from a namespace: every TCP port (or those of `range`), and the UDP ports of
 * interest. The whole range is asked twice and quickly, the likely ports with patience. A UDP port that says nothing at all is not counted;
 * UDP 67 is asked by nmap's own DHCP client, since it answers nobody else. Three scans at once at the default rate are not
 * too many for a router on an emulated processor.
 */
export async function openPorts(
  from: Host,
  address: string,
  packetsPerSecond = 2500,
  range = '1-65535',
): Promise<string[]> {
  const fast = ['--max-retries', '1', '--min-rate', String(packetsPerSecond)];
  const all = await scan(from, address, ['-sS', '-p', range, ...fast]);
  const likely = await scan(from, address, ['-sS', '-p', likelyTcp, '--max-retries', '4']);
  const udp = await scan(from, address, ['-sU', '-p', likelyUdp, '--max-retries', '3']);
  const asked = ['-sU', '-p', '67', '--script', 'dhcp-discover', '-n', '-Pn', address];
  const { stdout } = await from.commands.run('nmap', asked, { timeoutMs: 60_000 });
  const dhcp = /DHCP Message Type: DHCP(ACK|OFFER)/.test(stdout) ? ['UDP 67'] : [];
  return [...new Set([...all, ...likely, ...udp, ...dhcp])].sort();
}
