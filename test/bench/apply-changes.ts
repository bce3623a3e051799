// One change among N. The floor of rules is a bare iptables-restore of the same transaction in the same namespace at the
// same N; that of DHCP hosts a bare dnsmasq with as many hosts, from file written to lease answered.
import { setTimeout as sleep } from 'node:timers/promises';
import { dhcpHost } from '../lab/router-document.ts';
import { BareDnsmasq } from './bare-dnsmasq.ts';
import { type DhcpClients, startDhcpClients } from './dhcp-clients.ts';
import { type Row, rowOf, timed, withGoal } from './result.ts';
import { entries, entryId, loadedRules, type RouterUnderTest, startLoadedRouter } from './router-under-test.ts';

/** dnsmasq is told of removals a tenth of a second after the last; nothing is measured until it has read all again. */
const settleMs = 250;

interface Measured {
  readonly values: number[];
  readonly floors: number[];
}

type Table = Map<string, Measured>;

function note(table: Table, what: string, value: number | null, floor: number | null): void {
  const { values, floors } = table.get(what) ?? { values: [], floors: [] };
  if (value !== null) values.push(value);
  if (floor !== null) floors.push(floor);
  table.set(what, { values, floors });
}

const rules = [
  { what: 'port forward', collection: 'nat.portForwards' },
  { what: 'firewall rule', collection: 'firewall.ingress' },
] as const;

async function ruleRound(router: RouterUnderTest, n: number, table: Table): Promise<void> {
  const { agent, writer, commands, wires } = router;
  for (const { what, collection } of rules) {
    const pushed = async (push: ReturnType<typeof writer.add>) => {
      commands.length = 0;
      const ms = await timed(() => agent.push(push));
      return { ms, text: loadedRules(router) };
    };
    const more = await pushed(writer.add({ [collection]: { [entryId(n)]: entries[collection](n) } }));
    const fewer = await pushed(writer.remove(collection, entryId(n)));
    const bare = (input: string) =>
      timed(() => wires.router.commands.run('iptables-restore', ['--noflush'], { input }));
    note(table, `one more ${what}`, more.ms, await bare(more.text));
    note(table, `one fewer ${what}`, fewer.ms, await bare(fewer.text));
  }
}

interface DhcpSide {
  readonly clients: DhcpClients;
  readonly bare: BareDnsmasq;
}

async function dhcpRound(router: RouterUnderTest, side: DhcpSide, number: number, table: Table): Promise<void> {
  const { agent, writer } = router;
  const addition = (each: number) => writer.add({ 'dhcp.hosts': { [entryId(each)]: dhcpHost(each) } });
  const [acknowledged, leased] = [number, number + 1];
  const more = addition(acknowledged);
  const acknowledgedMs = await timed(() => agent.push(more));
  const alsoMore = addition(leased);
  const leasedMs = await timed(() =>
    Promise.all([side.clients.offer(dhcpHost(leased).macAddress), agent.push(alsoMore)]),
  );
  const floorMs = await timed(() => side.bare.add(number));
  note(table, 'one more DHCP host', acknowledgedMs, floorMs);
  note(table, 'one more DHCP host, to lease', leasedMs, floorMs);
  const fewer = writer.remove('dhcp.hosts', entryId(acknowledged));
  const fewerMs = await timed(() => agent.push(fewer));
  note(table, 'one fewer DHCP host', fewerMs, await timed(() => side.bare.remove(number)));
  await agent.push(writer.remove('dhcp.hosts', entryId(leased)));
  await sleep(settleMs);
  await side.clients.offer(dhcpHost(0).macAddress);
}

async function measureAt(n: number, rounds: number): Promise<Row[]> {
  const router = await startLoadedRouter(n);
  try {
    const clients = await startDhcpClients(router.lab, router.wires.guest, 'clients');
    const side = { clients, bare: await BareDnsmasq.start(router.lab, n) };
    const table: Table = new Map();
    for (let round = 0; round <= rounds; round += 1) {
      // The first warms caches and code, and does not count.
      const counts = round === 0 ? new Map<string, Measured>() : table;
      await ruleRound(router, n, counts);
      await dhcpRound(router, side, n + 2 * round, counts);
    }
    return [...table].map(([what, { values, floors }]) => rowOf({ what, n, unit: 'ms' }, values, floors));
  } finally {
    await router.close();
  }
}

/** The rows with the goals that they are held to: against the floor at every N, and the largest N against the smallest. */
function judged(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const { ratio = Number.NaN } = row;
    const isOfRules = row.what.includes('forward') || row.what.includes('rule');
    const held = isOfRules ? withGoal(row, 'at most 5 times the floor', ratio, ratio <= 5) : row;
    const least = rows.find(({ what, n }) => what === row.what && n === 10);
    if (row.n !== 10_000 || least === undefined) return held;
    const growth = row.median / least.median;
    return withGoal(held, 'at most 2 times that at 10', growth, growth <= 2);
  });
}

/** One more and one fewer of each kind at each size. */
export async function applyChanges(options: {
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly say: (words: string) => void;
}): Promise<Row[]> {
  const rows: Row[] = [];
  for (const n of options.sizes) {
    options.say(`one change among ${n}`);
    rows.push(...(await measureAt(n, options.rounds)));
  }
  return judged(rows.toSorted((a, b) => a.what.localeCompare(b.what) || (a.n ?? 0) - (b.n ?? 0)));
}
