// No list ever shows what is out of its caller's reach, however it is asked.
import type { ApiValues } from '@isthmus/api-client';
import { parametersOf } from '@isthmus/orchestrator/commands/api/list-apis';
import type { ListCommand } from '@isthmus/orchestrator/commands/declaration';
import { entities } from '@isthmus/orchestrator/commands/entities';
import { commands } from '@isthmus/orchestrator/commands/registry';
import test from 'ava';
import { sql } from 'kysely';
import { rowsByKind } from './hostile-values.ts';
import { outcome } from './refusal.ts';
import { type CallerName, startWorld, type World } from './world.ts';

let world: World;
test.before(async () => {
  world = await startWorld();
});
test.after.always(() => world?.close());

const owned = commands.filter((command): command is ListCommand => {
  if (command.kind !== 'list') return false;
  return ['account', 'self', 'parent'].includes(entities[command.entity].ownership.kind);
});

const callers = ['northAdmin', 'cityAdmin', 'townAdmin', 'owner', 'colleague', 'neighbour', 'stranger'] as const;

/** Names of the accounts, and of the domains, that a caller may see anything of. Written down here, not computed. */
const visible: Readonly<Record<(typeof callers)[number], { accounts: string[]; domains: string[] }>> = {
  northAdmin: {
    accounts: ['northAdmin', 'cityAdmin', 'townAdmin', 'owner', 'neighbour'],
    domains: ['north', 'city', 'town'],
  },
  cityAdmin: { accounts: ['cityAdmin', 'owner', 'neighbour'], domains: ['city'] },
  townAdmin: { accounts: ['townAdmin'], domains: ['town'] },
  owner: { accounts: ['owner'], domains: ['city'] },
  colleague: { accounts: ['owner'], domains: ['city'] },
  neighbour: { accounts: ['neighbour'], domains: ['city'] },
  stranger: { accounts: ['stranger'], domains: ['south'] },
};

/** False of tags and usage records: such a row is known by whose it is. */
function showsIds({ responseFields }: ListCommand): boolean {
  return 'id' in responseFields || 'jobid' in responseFields;
}

/** Ids of the rows that a caller may see, or names of the accounts whose rows those are. */
async function visibleIds(caller: (typeof callers)[number], command: ListCommand): Promise<Set<string>> {
  const { accounts, domains } = visible[caller];
  if (!showsIds(command)) return new Set(accounts);
  const { entity } = command;
  const query =
    entity === 'domain'
      ? sql<{ id: string }>`select id from domain where name = any(${domains})`
      : sql<{ id: string }>`select row.id from ${sql.table(entity)} row
          join account on account.id = ${sql.ref(entity === 'account' ? 'row.id' : 'row.account_id')}
          where account.name = any(${accounts})`;
  const { rows } = await query.execute(world.db);
  return new Set(rows.map(({ id }) => id));
}

function idsOf(command: ListCommand, answer: Readonly<Record<string, unknown>>): string[] {
  const rows = Object.values(answer).find(Array.isArray) ?? [];
  return rows.map((row: Record<string, unknown>) => String(showsIds(command) ? (row.id ?? row.jobid) : row.account));
}

/** Values of what a list requires. */
function required(command: ListCommand): ApiValues {
  const parameters = Object.entries(parametersOf(command)).filter(([, parameter]) => parameter.required);
  return Object.fromEntries(parameters.map(([name, parameter]) => [name, rowsByKind[parameter.kind].valid(parameter)]));
}

/** Ways to ask, among them for what is another's. */
function questions(command: ListCommand): ApiValues[] {
  const { domains, belongings } = world;
  const otherIds = [belongings.owner, belongings.neighbour, belongings.stranger, belongings.root].flatMap((of) => {
    const id = of[command.entity];
    return id === undefined ? [] : [{ id }, { id, listall: true }, { id, account: 'owner', domainid: domains.city }];
  });
  const scopes = Object.values(domains).flatMap((domainid): ApiValues[] => [
    { domainid },
    { domainid, isrecursive: true },
    { domainid, isrecursive: true, listall: true },
    { domainid, account: 'owner' },
    { domainid, account: 'admin', listall: true },
  ]);
  return [
    {},
    { listall: true },
    { listall: true, isrecursive: true },
    { isrecursive: true },
    { account: 'owner' },
    { account: 'stranger', listall: true },
    { projectid: '-1', listall: true },
    { listall: true, keyword: 'a' },
    { listall: true, keyword: '%' },
    { listall: true, keyword: "' or true --" },
    { listall: true, page: 1, pagesize: 2 },
    { listall: true, page: 2, pagesize: 1 },
    { listall: true, allocatedonly: false, state: 'Free' },
    { listall: true, allocatedonly: false },
    { listall: true, startdate: '2000-01-01' },
    { listall: true, tags: [{ key: 'belongs', value: 'yes' }] },
    ...otherIds,
    ...scopes,
  ].map((question) => ({ ...required(command), ...question }));
}

const everything = { listall: true, startdate: '2000-01-01', enddate: '2100-01-01' };

test.serial(
  'a root admin sees rows of three accounts in every list, so the lists below are not empty by chance',
  async (t) => {
    t.true(owned.length >= 12);
    for (const command of owned) {
      const seen = new Set(
        idsOf(command, await world.admin.call(command.name, { ...everything, pagesize: 500, page: 1 })),
      );
      t.true(seen.size >= 3, `${command.name} shows ${seen.size}`);
    }
  },
);

for (const command of owned) {
  test.serial(`${command.name} shows nobody what is out of reach`, async (t) => {
    for (const caller of callers) {
      const may = await visibleIds(caller, command);
      await Promise.all(
        questions(command).map(async (question) => {
          const client = world.callers[caller as CallerName];
          const { code, text } = await outcome(client, command.name, question);
          const what = `${caller}: ${command.name} ${JSON.stringify(question)}: ${code} ${text.slice(0, 300)}`;
          t.true([0, 431, 432, 531].includes(code), what);
          const unseen = code === 0 ? idsOf(command, JSON.parse(text)).filter((id) => !may.has(id)) : [];
          t.deepEqual(unseen, [], what);
        }),
      );
    }
  });
}

test.serial('everyone sees its own', async (t) => {
  for (const command of owned.filter(({ roles, entity }) => roles.includes('User') && entity !== 'domain')) {
    for (const caller of ['owner', 'neighbour', 'stranger'] as const) {
      const own = world.belongings[caller];
      const ownId = command.name === 'listEgressFirewallRules' ? own.egressRuleId : own[command.entity];
      const id = showsIds(command) ? ownId : caller;
      const seen = idsOf(command, await world.callers[caller].call(command.name, everything));
      t.true(seen.includes(id ?? ''), `${caller}: ${command.name} shows ${seen.length} without ${id}`);
    }
  }
});

test.serial('the lists of NICs, keys and jobs go by whose the instance, user and job are', async (t) => {
  const { callers: clients, belongings } = world;
  const { owner } = belongings;
  for (const caller of ['townAdmin', 'neighbour', 'stranger'] as const) {
    for (const [name, values] of [
      ['listNics', { virtualmachineid: owner.virtual_machine }],
      [
        'listNics',
        { virtualmachineid: belongings[caller === 'townAdmin' ? 'owner' : caller].virtual_machine, nicid: owner.nic },
      ],
      ['listVirtualMachines', { ids: owner.virtual_machine, listall: true }],
      ['listVirtualMachines', { networkid: owner.network, listall: true }],
      ['listPortForwardingRules', { networkid: owner.network, listall: true }],
      ['listFirewallRules', { ipaddressid: owner.public_ip_address, listall: true }],
      ['listPublicIpAddresses', { associatednetworkid: owner.network, listall: true }],
      ['getUserKeys', { id: owner.cloud_user }],
      ['queryAsyncJobResult', { jobid: owner.async_job }],
    ] as const) {
      const { code, text } = await outcome(clients[caller], name, values);
      t.is(code, 531, `${caller}: ${name}: ${text}`);
    }
  }
});

test.serial('an answer holds no password and no secret key, but for the two commands that tell keys', async (t) => {
  const { rows } = await sql<{ secret: string }>`
    select unnest(array[password_hash, secret_key]) as secret from cloud_user
    union select sealed_private_key from ssl_certificate`.execute(world.db);
  const secrets = rows.flatMap(({ secret }) => secret ?? []);
  t.true(secrets.length > 10);
  for (const command of commands.filter(({ kind, roles }) => kind === 'list' && roles.includes('Admin'))) {
    const values = { ...everything, templatefilter: 'all', physicalnetworkid: world.common.physical_network };
    const { code, text } = await outcome(world.admin, command.name, values);
    t.is(code, 0, text);
    t.false(text.includes('PRIVATE KEY'), command.name);
    t.deepEqual(
      secrets.filter((secret) => text.includes(secret)),
      [],
      command.name,
    );
  }
});
