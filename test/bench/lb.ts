// Load balancers: whether a change fails a request, requests a second through each mode, and what a change costs.
import { publicAddress, type Upserts } from '../lab/router-document.ts';
import { guestBridge } from '../lab/wired-router.ts';
import {
  type Balanced,
  certificateOf,
  members,
  membersOf,
  rule,
  startBalanced,
} from '../scenarios/load-balancing-fixture.ts';
import { closing } from './interrupt.ts';
import { type Benchmark, type Row, rowOf, timed, withGoal } from './result.ts';
import { entryId } from './router-under-test.ts';

interface Load {
  readonly perSecond: number;
  readonly failed: number;
}

/** wrk's figures of a URL from outside. */
async function wrk(from: Balanced['client'], url: string, connections: number, seconds: number): Promise<Load> {
  const size = [
    '--threads',
    '1',
    '--connections',
    String(connections),
    '--duration',
    `${seconds}s`,
    '--timeout',
    '10s',
  ];
  const { stdout } = await from.commands.run('wrk', [...size, url], { timeoutMs: (seconds + 30) * 1000 });
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? [];
  const other = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? '0';
  const perSecond = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(stdout)?.[1] ?? 'NaN');
  return { perSecond, failed: [...errors, other].reduce((sum, each) => sum + Number(each), 0) };
}

/** Members are drained, removed and added, a certificate is exchanged, rules are added, the agent restarts. */
async function change(balanced: Balanced, rounds: number): Promise<void> {
  const certificates = await Promise.all(
    ['x.example.org', 'y.example.org'].map((name) => certificateOf(balanced, name)),
  );
  const [, last = publicAddress] = members;
  const member = { rule: 'http', address: last };
  for (let round = 0; round < rounds; round += 1) {
    await balanced.add({ 'loadBalancing.members': { 'http-1': { ...member, draining: true } } });
    await balanced.push(balanced.writer.remove('loadBalancing.members', 'http-1'));
    await balanced.add({ 'loadBalancing.members': { 'http-1': member } });
    const certificate = certificates[round % 2];
    if (round % 10 === 5 && certificate !== undefined)
      await balanced.add({ 'loadBalancing.certificates': { c: certificate } });
    if (round % 25 === 10) await balanced.add({ 'loadBalancing.rules': { [`n-${round}`]: rule(9000 + round) } });
    if (round === Math.floor(rounds / 2)) await balanced.restartAgent();
  }
}

async function failures(balanced: Balanced, rounds: number): Promise<Row> {
  let isOver = false;
  const changes = change(balanced, rounds).finally(() => {
    isOver = true;
  });
  const counts: number[] = [];
  while (!isOver) counts.push((await wrk(balanced.client, `http://${publicAddress}/`, 500, 10)).failed);
  await changes;
  const failed = counts.reduce((sum, each) => sum + each, 0);
  return withGoal(
    rowOf({ what: 'failed requests', n: rounds, unit: 'requests' }, [failed]),
    'none',
    failed,
    failed === 0,
  );
}

async function throughput(balanced: Balanced, seconds: number): Promise<Row[]> {
  const { lab } = balanced;
  await lab.host.commands.run('ip', ['address', 'replace', '10.1.254.1/16', 'dev', guestBridge]);
  const direct = await wrk(lab.host, `http://${members[0]}/`, 32, seconds);
  const modes = [
    ['HTTP', `http://${publicAddress}/`],
    ['bytes', `http://${publicAddress}:81/`],
    ['TLS', `https://${publicAddress}:443/`],
  ] as const;
  const rows: Row[] = [];
  for (const [mode, url] of modes) {
    const { perSecond } = await wrk(balanced.client, url, 32, seconds);
    rows.push(
      rowOf(
        { what: `requests per second, ${mode}; floor: one member alone`, unit: '1/s' },
        [perSecond],
        [direct.perSecond],
      ),
    );
  }
  return rows;
}

async function changes(balanced: Balanced, n: number, rounds: number): Promise<Row[]> {
  const many = Array.from({ length: n }, (_, index) => [entryId(index), rule(10_000 + index)] as const);
  await balanced.add({ 'loadBalancing.rules': Object.fromEntries(many) } satisfies Upserts);
  const table = { rule: [] as number[], reload: [] as number[], member: [] as number[] };
  const [address = publicAddress] = members;
  for (let round = 0; round < rounds; round += 1) {
    const id = `more-${round}`;
    table.rule.push(await timed(() => balanced.add({ 'loadBalancing.rules': { [id]: rule(20_000 + round) } })));
    table.member.push(await timed(() => balanced.add({ 'loadBalancing.members': { [id]: { rule: id, address } } })));
  }
  // Last, since the agent does not know of it.
  for (let round = 0; round < rounds; round += 1) table.reload.push(await timed(() => balanced.reload()));
  return [
    rowOf({ what: 'one more rule; floor: a bare reload', n, unit: 'ms' }, table.rule, table.reload),
    rowOf({ what: 'one more member', n, unit: 'ms' }, table.member),
  ];
}

export const lb: Benchmark = {
  about: 'load balancers: failed requests under changes, requests a second, one more rule and member',
  needs: ['wrk', 'openssl'],
  run: async ({ quick, say }) => {
    const { balanced, close } = await startBalanced();
    const closeOnce = closing(close);
    try {
      await balanced.add({
        'loadBalancing.certificates': { c: await certificateOf(balanced, 'a.example.org') },
        'loadBalancing.rules': {
          http: rule(80),
          bytes: rule(81, { isHttp: false }),
          tls: rule(443, { protocol: 'ssl', certificates: ['c'] }),
        },
        'loadBalancing.members': { ...membersOf('http'), ...membersOf('bytes'), ...membersOf('tls') },
      });
      say('requests while members, certificates, rules and the agent change');
      const failed = await failures(balanced, quick ? 20 : 100);
      say('requests a second');
      const perSecond = await throughput(balanced, quick ? 3 : 10);
      const n = quick ? 100 : 1000;
      say(`one change among ${n} rules`);
      return [failed, ...perSecond, ...(await changes(balanced, n, quick ? 5 : 15))];
    } finally {
      await closeOnce();
    }
  },
};
