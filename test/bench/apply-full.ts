// A whole document to a router that serves nothing yet. The floor: the same rules by one bare iptables-restore into empty
// tables of the same namespace, and a start of dnsmasq on the same configuration.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/index.ts';
import { dhcpHost, type Upserts } from '../lab/router-document.ts';
import { type Row, rowOf, timed, withGoal } from './result.ts';
import { entries, first, loadedRules, type RouterUnderTest, startRouter } from './router-under-test.ts';

const size = 100;

function document(): Upserts {
  return {
    'dhcp.hosts': first(size, dhcpHost),
    'dns.records': first(size, (number) => ({
      hostname: dhcpHost(number).hostname,
      address: dhcpHost(number).address,
    })),
    'nat.portForwards': first(size, entries['nat.portForwards']),
    'firewall.ingress': first(size, entries['firewall.ingress']),
  };
}

async function emptyTables({ wires }: RouterUnderTest): Promise<void> {
  const tables = ['filter', 'nat', 'mangle', 'raw'].map((table) => `*${table}\nCOMMIT\n`);
  await wires.router.commands.run('iptables-restore', [], { input: tables.join('') });
}

/** The options are what dnsmasq reads last. */
async function hasRead({ machine }: Lab, logPath: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    if ((await machine.files.readTextIfExists(logPath))?.includes('/dhcp-options') === true) return;
    await sleep(1);
  }
  throw new Error(`dnsmasq did not start within 10 s; its log is ${logPath}`);
}

async function round(): Promise<{ ms: number; floorMs: number }> {
  const router = await startRouter();
  try {
    const { lab, agent, writer, wires, commands } = router;
    const push = writer.full(document());
    commands.length = 0;
    const ms = await timed(() => agent.push(push));
    const rules = loadedRules(router);
    const daemon = commands.find(({ args }) => args.some((word) => word.startsWith('--conf-file=')));
    const configuration = daemon?.args.find((word) => word.startsWith('--conf-file='));
    if (rules === '' || configuration === undefined)
      throw new Error('the router loaded no rules or started no dnsmasq');
    await agent.shutdown();
    await emptyTables(router);
    const floorMs = await timed(async () => {
      await wires.router.commands.run('iptables-restore', ['--noflush'], { input: rules });
      const { logPath } = await lab.startDaemon(wires.router, 'dnsmasq', ['--keep-in-foreground', configuration]);
      await hasRead(lab, logPath);
    });
    return { ms, floorMs };
  } finally {
    await router.close();
  }
}

/** The row "full apply". */
export async function applyFull(options: { rounds: number; say: (words: string) => void }): Promise<Row> {
  options.say(`a whole document: ${size} guests, port forwards and firewall rules`);
  const [values, floors]: [number[], number[]] = [[], []];
  for (let each = 0; each <= options.rounds; each += 1) {
    const { ms, floorMs } = await round();
    // The first warms caches and code, and does not count.
    if (each === 0) continue;
    values.push(ms);
    floors.push(floorMs);
  }
  const row = rowOf({ what: 'full apply', n: size, unit: 'ms' }, values, floors);
  return withGoal(row, 'at most 1 s', row.median, row.median <= 1000);
}
