// dnsperf and perfdhcp, told what to ask and read for what was answered.
import type { Host } from '@isthmus/host';

/** What came of a run. `unanswered`: questions that had no answer two seconds after the last. */
export interface LoadResult {
  readonly perSecond: number;
  readonly sent: number;
  readonly unanswered: number;
}

function figure(text: string, pattern: RegExp): number {
  const value = Number(pattern.exec(text)?.[1]);
  if (!Number.isFinite(value)) throw new Error(`no ${pattern} in the words of the tool:\n${text}`);
  return value;
}

function sum(text: string, pattern: RegExp): number {
  const values = [...text.matchAll(pattern)].map(([, value]) => Number(value));
  if (values.length === 0) throw new Error(`no ${pattern} in the words of the tool:\n${text}`);
  return values.reduce((a, b) => a + b, 0);
}

/** Asks for A records of `queries` (a file of dnsperf's), `perSecond` of them or as many as are answered. */
export async function dnsLoad(
  host: Host,
  options: { readonly server: string; readonly queries: string; readonly seconds: number; readonly perSecond?: number },
): Promise<LoadResult> {
  const { server, queries, seconds, perSecond } = options;
  const rate = perSecond === undefined ? [] : ['-Q', String(perSecond)];
  const args = ['-s', server, '-d', queries, '-l', String(seconds), '-c', '4', '-t', '2', ...rate];
  const { stdout } = await host.commands.run('dnsperf', args, { timeoutMs: (seconds + 30) * 1000 });
  return {
    perSecond: figure(stdout, /Queries per second: +([\d.]+)/),
    sent: figure(stdout, /Queries sent: +(\d+)/),
    unanswered: figure(stdout, /Queries lost: +(\d+)/),
  };
}

/**
 * Gets leases for `clients` MAC addresses from `firstMac` on, at random, by four messages each, as a relay with the address
 * of eth0 would pass them on; `perSecond` of them or as many as are answered.
 */
export async function dhcpLoad(
  host: Host,
  options: {
    readonly server: string;
    readonly firstMac: string;
    readonly clients: number;
    readonly seconds: number;
    readonly perSecond?: number;
  },
): Promise<LoadResult> {
  const { server, firstMac, clients, seconds, perSecond } = options;
  const rate = perSecond === undefined ? [] : ['-r', String(perSecond)];
  const who = ['-R', String(clients), '-b', `mac=${firstMac}`, '-l', 'eth0', server];
  // Three: it sent more than it got, which the figures say.
  const { stdout } = await host.commands.run(
    'perfdhcp',
    ['-4', '-g', 'single', '-p', String(seconds), '-W', '2000000', ...rate, ...who],
    { timeoutMs: (seconds + 30) * 1000, okCodes: [0, 3] },
  );
  return {
    perSecond: figure(stdout, /Rate: ([\d.]+) 4-way/),
    sent: sum(stdout, /sent packets: (\d+)/g),
    unanswered: sum(stdout, /drops: (\d+)/g),
  };
}
