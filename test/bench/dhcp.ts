// DHCP and DNS of one router among N hosts: what one change costs, whether anybody waits in vain during it, and how much is
// answered. The floor is a bare dnsmasq with as many hosts, names and leases in the same run.
import { setTimeout as sleep } from 'node:timers/promises';
import { type DhcpRouter, hostsOf, leasesOf, queriesOf, startDhcpRouter } from '../lab/dhcp-router.ts';
import { createLab, type Lab } from '../lab/index.ts';
import { dhcpLoad, dnsLoad } from '../lab/name-service-load.ts';
import { dhcpHost } from '../lab/router-document.ts';
import { BareDnsmasq } from './bare-dnsmasq.ts';
import { type DhcpClients, startDhcpClients } from './dhcp-clients.ts';
import { closing } from './interrupt.ts';
import { type Benchmark, type Row, rowOf, timed, withGoal } from './result.ts';

const server = '10.1.1.1';
const many = 5_000;

interface Bench {
  readonly lab: Lab;
  readonly router: DhcpRouter;
  readonly clients: DhcpClients;
  readonly bare: BareDnsmasq;
}

async function inBench<Value>(n: number, leases: number, work: (bench: Bench) => Promise<Value>): Promise<Value> {
  const lab = await createLab({ hostAgent: false, logLevel: 'silent' });
  const removeLab = closing(() => lab.teardown());
  try {
    const router = await startDhcpRouter(lab, n, leasesOf(leases));
    try {
      const clients = await startDhcpClients(lab, router.wires.guest, 'clients');
      const bare = await BareDnsmasq.start(lab, n, leasesOf(leases));
      return await work({ lab, router, clients, bare });
    } finally {
      await router.agent.shutdown();
    }
  } finally {
    await removeLab();
  }
}

interface Measured {
  readonly more: number[];
  readonly moreToLease: number[];
  readonly fewer: number[];
  readonly moreFloor: number[];
  readonly fewerFloor: number[];
}

async function oneRound({ router, clients, bare }: Bench, number: number): Promise<Record<keyof Measured, number>> {
  const { agent, writer } = router;
  const add = (each: number) => agent.push(writer.add(hostsOf([each])));
  const more = await timed(() => add(number));
  const moreToLease = await timed(() => Promise.all([clients.offer(dhcpHost(number + 1).macAddress), add(number + 1)]));
  const moreFloor = await timed(() => bare.add(number));
  const remove = async (each: number) => {
    await agent.push(writer.remove('dhcp.hosts', `h${each}`));
    await agent.push(writer.remove('dns.records', `h${each}`));
  };
  const fewer = await timed(() => agent.push(writer.remove('dhcp.hosts', `h${number}`)));
  const fewerFloor = await timed(() => bare.remove(number));
  await agent.push(writer.remove('dns.records', `h${number}`));
  await remove(number + 1);
  // What is gone goes out of dnsmasq's memory behind the pushes; nothing is measured until it has.
  await sleep(400);
  await clients.offer(dhcpHost(0).macAddress);
  return { more, moreToLease, fewer, moreFloor, fewerFloor };
}

async function changes(n: number, leases: number, rounds: number): Promise<Row[]> {
  const suffix = leases > 0 ? ', with active leases' : '';
  return inBench(n, leases, async (bench) => {
    const all: Record<keyof Measured, number>[] = [];
    // The first warms caches and code, and does not count.
    for (let round = 0; round <= rounds; round += 1) all.push(await oneRound(bench, n + 2 * round));
    const of = (name: keyof Measured) => all.slice(1).map((each) => each[name]);
    const row = (what: string) => ({ what: `${what}${suffix}`, n, unit: 'ms' });
    return [
      rowOf(row('one more DHCP host'), of('more'), of('moreFloor')),
      rowOf(row('one more DHCP host, to lease'), of('moreToLease'), of('moreFloor')),
      rowOf(row('one DHCP host removed'), of('fewer'), of('fewerFloor')),
    ];
  });
}

/** Questions to both servers in turn, and to ours while hosts come and go. */
async function answers(seconds: number): Promise<Row[]> {
  return inBench(many, many, async (bench) => {
    const { lab, router, bare } = bench;
    const queries = await queriesOf(lab, many);
    const lease = { server, firstMac: dhcpHost(0).macAddress, clients: many };
    const { guest } = router.wires;
    const dns = await dnsLoad(guest, { server, queries, seconds });
    const dnsFloor = await dnsLoad(bare.guest, { server, queries, seconds });
    const dhcp = await dhcpLoad(guest, { ...lease, seconds });
    const dhcpFloor = await dhcpLoad(bare.guest, { ...lease, seconds });
    const isOver = new AbortController();
    const changing = changeUntil(router, isOver.signal);
    const [asked, leased] = await Promise.all([
      dnsLoad(guest, { server, queries, seconds, perSecond: 1000 }),
      dhcpLoad(guest, { ...lease, seconds, perSecond: 100 }),
    ]);
    isOver.abort();
    const n = many;
    const count = await changing;
    const none = (row: Row) => withGoal(row, `0 during ${count} changes`, row.median, row.median === 0);
    return [
      none(rowOf({ what: 'unanswered DNS queries', n, unit: `of ${asked.sent}` }, [asked.unanswered])),
      none(rowOf({ what: 'unanswered DHCP requests', n, unit: `of ${leased.sent}` }, [leased.unanswered])),
      rowOf({ what: 'DNS queries per second', n, unit: '1/s' }, [dns.perSecond], [dnsFloor.perSecond]),
      rowOf({ what: 'DHCP exchanges per second', n, unit: '1/s' }, [dhcp.perSecond], [dhcpFloor.perSecond]),
    ];
  });
}

/** Adds and removes one host after the other; answers with how many changes that were. */
async function changeUntil({ agent, writer }: DhcpRouter, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count += 3) {
    const number = many + count;
    await agent.push(writer.add(hostsOf([number])));
    await agent.push(writer.remove('dhcp.hosts', `h${number}`));
    await agent.push(writer.remove('dns.records', `h${number}`));
    await sleep(50);
  }
  return count;
}

/** A change among many is held to three times the same change among ten. */
function judged(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    const least = rows.find(({ what, n }) => what === row.what && n === 10);
    if (row.n !== many || least === undefined) return row;
    const growth = row.median / least.median;
    return withGoal(row, 'at most 3 times that at 10', growth, growth <= 3);
  });
}

export const dhcp: Benchmark = {
  about: 'DHCP and DNS at 5,000 hosts: the cost of one change, and what is answered meanwhile',
  needs: ['dnsperf', 'perfdhcp'],
  run: async ({ quick, say }) => {
    const rows: Row[] = [];
    for (const n of [10, many]) {
      for (const leases of [0, n]) {
        say(`one change among ${n} hosts, ${leases} of them with leases`);
        rows.push(...(await changes(n, leases, quick ? 5 : 21)));
      }
    }
    say(`questions to ${many} hosts' router`);
    return [...judged(rows), ...(await answers(quick ? 4 : 20))];
  },
};
