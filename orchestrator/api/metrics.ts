// GET /metrics in Prometheus' text format, for those whom the setting metrics.allowed.cidrs lets: it tells of every account.
import { BlockList, isIPv6 } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { sql } from 'kysely';
import { Counter, Gauge, Registry } from 'prom-client';
import { readSetting } from '../commands/settings.ts';
import type { Db } from '../store/database.ts';

interface Bytes {
  readonly network_id: string;
  readonly network_name: string;
  readonly account_id: string;
  readonly public_ip_address: string;
  readonly usage_type: number;
  readonly bytes: string;
}

/** Rows of a table by state. */
async function byState(
  db: Db,
  table: 'router' | 'host' | 'network' | 'virtual_machine' | 'system_vm',
): Promise<[string, number][]> {
  const { rows } = await sql<{ state: string; count: string }>`
    select state, count(*) from ${sql.table(table)} group by state`.execute(db);
  return rows.map(({ state, count }) => [state, Number(count)]);
}

/** Metrics read from the database when they are asked for: any orchestrator of an installation answers alike. */
export function createMetrics(db: Db, pushes: () => number): Registry {
  const registry = new Registry();
  const registers = [registry];
  const bytes = (name: string, help: string, ofAddresses: boolean) => {
    const labelNames = ['network', 'network_name', 'account', 'direction', ...(ofAddresses ? ['address'] : [])];
    new Counter({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const { rows } = await sql<Bytes>`
          select network_id, max(network_name) as network_name, account_id, public_ip_address, usage_type,
            sum(bytes)::text as bytes
          from usage_record where (public_ip_address <> '') = ${ofAddresses}
          group by network_id, account_id, public_ip_address, usage_type`.execute(db);
        this.reset();
        for (const row of rows) {
          const labels = {
            network: row.network_id,
            network_name: row.network_name,
            account: row.account_id,
            direction: row.usage_type === 4 ? 'sent' : 'received',
            ...(ofAddresses ? { address: row.public_ip_address } : {}),
          };
          this.inc(labels, Number(row.bytes));
        }
      },
    });
  };
  bytes('isthmus_network_bytes_total', 'Bytes of a network, as its router counted them', false);
  bytes('isthmus_public_address_bytes_total', 'Bytes of a public IP address of a network', true);
  for (const [table, noun] of [
    ['router', 'routers'],
    ['host', 'hosts'],
    ['network', 'networks'],
    ['virtual_machine', 'instances'],
    ['system_vm', 'console_proxies'],
  ] as const) {
    new Gauge({
      name: `isthmus_${noun}`,
      help: `How many ${noun.replace('_', ' ')} are in a state`,
      labelNames: ['state'],
      registers,
      async collect() {
        this.reset();
        for (const [state, count] of await byState(db, table)) this.set({ state }, count);
      },
    });
  }
  new Gauge({
    name: 'isthmus_console_sessions',
    help: 'Consoles that people have open',
    registers,
    async collect() {
      const { count } = await db
        .selectFrom('console_session')
        .select(({ fn }) => fn.countAll<string>().as('count'))
        .where('state', '=', 'Open')
        .executeTakeFirstOrThrow();
      this.set(Number(count));
    },
  });
  new Gauge({
    name: 'isthmus_jobs_in_progress',
    help: 'Asynchronous jobs that are not done',
    registers,
    async collect() {
      const { count } = await db
        .selectFrom('async_job')
        .select(({ fn }) => fn.countAll<string>().as('count'))
        .where('status', '=', 0)
        .executeTakeFirstOrThrow();
      this.set(Number(count));
    },
  });
  new Counter({
    name: 'isthmus_router_pushes_total',
    help: 'Pushes of documents that this orchestrator has sent to routers',
    registers,
    collect() {
      this.reset();
      this.inc(pushes());
    },
  });
  return registry;
}

/** True where the address lies in one of the CIDRs of the setting. */
export function isAllowed(cidrs: string, address: string): boolean {
  const list = new BlockList();
  for (const cidr of cidrs.split(',').map((each) => each.trim())) {
    const [network = '', prefixLength = ''] = cidr.split('/');
    if (network !== '') list.addSubnet(network, Number(prefixLength), isIPv6(network) ? 'ipv6' : 'ipv4');
  }
  const plain = address.replace(/^::ffff:(?=\d)/, '');
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** Serves /metrics; 403 for others than those of `metrics.allowed.cidrs`. */
export function serveMetrics(server: FastifyInstance, db: Db, pushes: () => number): void {
  const registry = createMetrics(db, pushes);
  server.get('/metrics', async (request, reply) => {
    if (!isAllowed(await readSetting(db, 'metrics.allowed.cidrs'), request.ip)) {
      return reply
        .code(403)
        .type('text/plain')
        .send(`/metrics: ${request.ip} is not in metrics.allowed.cidrs, a setting of updateConfiguration\n`);
    }
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
