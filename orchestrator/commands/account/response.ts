import type { Db, Trx } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { domainPathText } from '../owner-fields.ts';
import { roleFields } from '../role.ts';
import { presentUsers, userFields } from '../user/response.ts';

const counted = ['vm', 'ip', 'network', 'volume', 'snapshot', 'template', 'project', 'vpc', 'cpu', 'memory'] as const;

function countFields(): ResponseFields {
  const fields = counted.flatMap((what) => [
    [`${what}limit`, { type: 'string', description: `Most of resource ${what} that the account may have` }] as const,
    [`${what}total`, { type: 'long', description: `What the account has of resource ${what}` }] as const,
    [`${what}available`, { type: 'string', description: `What the account may add of resource ${what}` }] as const,
  ]);
  return Object.fromEntries(fields);
}

/** Fields of an account. */
export const accountFields: ResponseFields = {
  id: { type: 'string', description: 'The id of the account' },
  name: { type: 'string', description: 'The name of the account' },
  accounttype: { type: 'integer', description: '0 user, 1 root admin, 2 domain admin' },
  roleid: { type: 'string', description: 'The id of the role' },
  roletype: { type: 'string', description: 'Admin, DomainAdmin or User' },
  rolename: { type: 'string', description: 'The name of the role' },
  domainid: { type: 'string', description: 'The id of the domain' },
  domain: { type: 'string', description: 'The name of the domain' },
  domainpath: { type: 'string', description: 'The path of the domain' },
  networkdomain: { type: 'string', description: 'The DNS domain of its networks' },
  state: { type: 'string', description: 'enabled, disabled or locked' },
  created: { type: 'date', description: 'When the account was made' },
  isdefault: { type: 'boolean', description: 'True for an account that the installation made' },
  iscleanuprequired: { type: 'boolean', description: 'True while a deleted account is cleaned up' },
  vmrunning: { type: 'integer', description: 'Running virtual machines' },
  vmstopped: { type: 'integer', description: 'Stopped virtual machines' },
  ...countFields(),
  user: { type: 'list', description: 'The users of the account', fields: userFields },
};

type Counts = ReadonlyMap<
  string,
  { vm: number; vmrunning: number; ip: number; network: number; cpu: number; memory: number }
>;

async function countsOf(db: Db | Trx, ids: readonly string[]): Promise<Counts> {
  const machines = await db
    .selectFrom('virtual_machine')
    .innerJoin('service_offering', 'service_offering.id', 'virtual_machine.service_offering_id')
    .select(['account_id', 'virtual_machine.state', 'cpu_number', 'memory'])
    .where('account_id', 'in', ids)
    .where('virtual_machine.state', 'not in', ['Destroyed', 'Expunging'])
    .execute();
  const addresses = await db
    .selectFrom('public_ip_address')
    .select((builder) => ['account_id', builder.fn.countAll<string>().as('count')])
    .where('account_id', 'in', ids)
    .groupBy('account_id')
    .execute();
  const networks = await db
    .selectFrom('network')
    .select((builder) => ['account_id', builder.fn.countAll<string>().as('count')])
    .where('account_id', 'in', ids)
    .groupBy('account_id')
    .execute();
  return new Map(
    ids.map((id) => {
      const own = machines.filter(({ account_id }) => account_id === id);
      return [
        id,
        {
          vm: own.length,
          vmrunning: own.filter(({ state }) => state === 'Running').length,
          cpu: own.reduce((sum, { cpu_number }) => sum + cpu_number, 0),
          memory: own.reduce((sum, { memory }) => sum + memory, 0),
          ip: Number(addresses.find(({ account_id }) => account_id === id)?.count ?? 0),
          network: Number(networks.find(({ account_id }) => account_id === id)?.count ?? 0),
        },
      ];
    }),
  );
}

function totals(counts: Partial<Record<string, number>>): ResponseObject {
  const fields = counted.flatMap((what) => [
    [`${what}limit`, 'Unlimited'] as const,
    [`${what}total`, counts[what] ?? 0] as const,
    [`${what}available`, 'Unlimited'] as const,
  ]);
  return Object.fromEntries(fields);
}

/** Response objects of accounts, with their users. */
export async function presentAccounts(db: Db | Trx, rows: readonly EntityRow<'account'>[]): Promise<ResponseObject[]> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const domainIds = rows.map(({ domain_id }) => domain_id);
  const domains = await db.selectFrom('domain').select(['id', 'name', 'path']).where('id', 'in', domainIds).execute();
  const users = await db
    .selectFrom('cloud_user')
    .selectAll()
    .where('account_id', 'in', ids)
    .orderBy('created')
    .execute();
  const presented = await presentUsers(db, users);
  const counts = await countsOf(db, ids);
  return rows.map((row) => {
    const domain = domains.find(({ id }) => id === row.domain_id);
    const own = counts.get(row.id) ?? { vm: 0, vmrunning: 0, ip: 0, network: 0, cpu: 0, memory: 0 };
    return {
      id: row.id,
      name: row.name,
      accounttype: row.type,
      ...roleFields(row.type),
      domainid: row.domain_id,
      domain: domain?.name,
      domainpath: domain === undefined ? undefined : domainPathText(domain.path),
      networkdomain: row.network_domain ?? undefined,
      state: row.state,
      created: row.created,
      isdefault: false,
      iscleanuprequired: false,
      vmrunning: own.vmrunning,
      vmstopped: own.vm - own.vmrunning,
      ...totals(own),
      user: presented.filter((user) => user.accountid === row.id),
    };
  });
}

/** The response object of one account by id. */
export async function presentAccount(db: Db | Trx, id: string): Promise<ResponseObject> {
  const row = await db.selectFrom('account').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const [presented = {}] = await presentAccounts(db, [row]);
  return presented;
}
