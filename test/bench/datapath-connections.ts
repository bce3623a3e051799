// New connections per second, by wrk, to the last of N forwards, each with a firewall rule of its own. Routers of every
// size stand side by side and are asked in turn. The ceiling is the same without a router: client and server on one bridge.
import { fileURLToPath } from 'node:url';
import type { Host } from '@isthmus/host';
import { guestAddress, publicAddress } from '../lab/router-document.ts';
import { guestBridge } from '../lab/wired-router.ts';
import { configureGuest, startInGuest } from './guest.ts';
import { type Row, rowOf, withGoal } from './result.ts';
import { firstPort, type RouterUnderTest, startLoadedRouter } from './router-under-test.ts';

const server = fileURLToPath(new URL('../lab/programs/tiny-server.ts', import.meta.url));
const seconds = 1;

/** Connections that were answered in a second. Throws where one failed. */
async function connections(from: Host, url: string): Promise<number> {
  const args = ['--threads', '1', '--connections', '32', '--duration', `${seconds}s`, '--header', 'Connection: close'];
  const { stdout } = await from.commands.run('wrk', [...args, url], { timeoutMs: 15_000 });
  const [, perSecond] = /^Requests\/sec:\s+([\d.]+)$/m.exec(stdout) ?? [];
  const isWhole = !stdout.includes('Socket errors') && !stdout.includes('Non-2xx');
  if (perSecond === undefined || !isWhole || Number(perSecond) === 0) throw new Error(`wrk of ${url}:\n${stdout}`);
  return Number(perSecond);
}

interface Side {
  readonly n: number;
  readonly router: RouterUnderTest;
  readonly values: number[];
}

async function startSide(n: number): Promise<Side> {
  const router = await startLoadedRouter(n, { 'dhcp.hosts': {} });
  await configureGuest(router);
  await startInGuest(router, process.execPath, [server, guestAddress, '80'], 'ready');
  // So many connections in so short a time need more ports than the default range has.
  for (const host of [router.lab.internet, router.lab.host]) {
    await host.commands.run('sysctl', ['-qw', 'net.ipv4.ip_local_port_range=1024 65535']);
  }
  return { n, router, values: [] };
}

async function measure({ n, router }: Side): Promise<number> {
  // The flows of the round before would fill the table.
  await router.wires.router.commands.run('conntrack', ['--flush']);
  return connections(router.lab.internet, `http://${publicAddress}:${firstPort + n - 1}/`);
}

/** Without a router: the lab's host joins the guests' bridge. */
async function ceiling({ router: { lab } }: Side): Promise<number> {
  await lab.host.commands.run('ip', ['address', 'replace', '10.1.254.1/16', 'dev', guestBridge]);
  return connections(lab.host, `http://${guestAddress}/`);
}

/** The rows "connections per second to the last forward". */
export async function connectionsPerSecond(options: {
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly say: (words: string) => void;
}): Promise<Row[]> {
  const sides: Side[] = [];
  const ceilings: number[] = [];
  try {
    for (const n of options.sizes) {
      options.say(`a router with ${n} port forwards`);
      sides.push(await startSide(n));
    }
    options.say('connections to the last forward');
    for (let round = 0; round <= options.rounds; round += 1) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const perSecond = await measure(side);
        // The first warms caches and code, and does not count.
        if (round > 0) side.values.push(perSecond);
      }
      const [first] = sides;
      if (first !== undefined && round > 0) ceilings.push(await ceiling(first));
    }
  } finally {
    for (const { router } of sides) await router.close();
  }
  return [...judged(sides), rowOf({ what: 'connections per second without a router', unit: '1/s' }, ceilings)];
}

/** Each size has the smallest as its peer. */
function judged(sides: readonly Side[]): Row[] {
  const [least] = sides;
  return sides.map(({ n, values }) => {
    const row = rowOf({ what: 'connections per second to the last forward', n, unit: '1/s' }, values, least?.values);
    const { ratio = Number.NaN } = row;
    return n === 10_000 ? withGoal(row, 'at least 0.9 of that at 10', ratio, ratio >= 0.9) : row;
  });
}
