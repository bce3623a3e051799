// Whose is what: every command with a parameter that names an entity, by every role. What is out of reach is refused
// with 531, what is not for the role with 432, and neither changes anything.
import { type ApiClient, createApiClient } from '@isthmus/api-client';
import { silentLog } from '@isthmus/host';
import { type ApiServer, createApiServer } from '@isthmus/orchestrator/api/server';
import { idleOrchestration } from '@isthmus/orchestrator/api/testing';
import { parametersOf } from '@isthmus/orchestrator/commands/api/list-apis';
import type { Command } from '@isthmus/orchestrator/commands/declaration';
import { type EntityName, entities } from '@isthmus/orchestrator/commands/entities';
import type { Parameter, Role } from '@isthmus/orchestrator/commands/parameter';
import { commands } from '@isthmus/orchestrator/commands/registry';
import test from 'ava';
import { type Digest, digestOf } from './digest.ts';
import { rowsByKind } from './hostile-values.ts';
import { outcome } from './refusal.ts';
import { type CallerName, callerNames, startWorld, type World } from './world.ts';

let world: World;
let digest: () => Promise<Digest>;
/** The same API with commands that check their parameters and then do nothing. */
let idle: ApiServer;
let idleClients: Record<CallerName, ApiClient>;

/** A command whose handler does nothing: what is left is who may call it, and name what. */
function hollow(command: Command): Command {
  switch (command.kind) {
    case 'sync': {
      const { afterCommit, ...rest } = command;
      return { ...rest, handler: async () => ({ success: true }) };
    }
    case 'async':
      return { ...command, prepare: async ({ caller }) => ({ id: caller.userId }) };
    case 'list':
      return { ...command, present: async () => [] };
  }
}

test.before(async () => {
  world = await startWorld();
  digest = await digestOf(world.db);
  idle = createApiServer({
    db: world.db,
    orchestration: idleOrchestration(),
    commands: commands.map(hollow),
    queue: { enqueue: async () => {}, wake: () => {} },
    log: silentLog,
  });
  const endpoint = `${await idle.listen({ host: '127.0.0.1', port: 0 })}/client/api`;
  const keys = await world.db.selectFrom('cloud_user').select(['username', 'api_key', 'secret_key']).execute();
  const clientOf = (name: CallerName) => {
    const user = keys.find(({ username }) => username === (name === 'root' ? 'admin' : name));
    return createApiClient({ endpoint, apiKey: user?.api_key ?? '', secretKey: user?.secret_key ?? '' });
  };
  idleClients = Object.fromEntries(callerNames.map((name) => [name, clientOf(name)])) as typeof idleClients;
});
test.after.always(async () => {
  await idle?.close();
  await world?.close();
});

function roleOf(caller: CallerName): Role {
  if (caller === 'root') return 'Admin';
  return ['delegate', 'northAdmin', 'cityAdmin', 'townAdmin'].includes(caller) ? 'DomainAdmin' : 'User';
}

/** Who reaches what belongs to an account of city called owner. Written down here, not computed. */
const reachOwner: readonly CallerName[] = ['root', 'delegate', 'northAdmin', 'cityAdmin', 'owner', 'colleague'];
/** Who reaches domain city itself: its users may name it too. */
const reachCity: readonly CallerName[] = [...reachOwner, 'neighbour'];

type Named = readonly [name: string, entity: EntityName, parameter: Parameter<unknown>];

function named(command: Command): Named[] {
  return Object.entries(parametersOf(command)).flatMap(([name, parameter]): Named[] =>
    parameter.entity === undefined ? [] : [[name, parameter.entity, parameter]],
  );
}

function ownership(entity: EntityName) {
  return entities[entity].ownership.kind;
}

/** An id of the owner's, or of nobody's; egress rules are of their own kind only to the handlers. */
function idFor(entity: EntityName): string {
  const id = world.common[entity] ?? world.belongings.owner[entity];
  if (id === undefined) throw new Error(`the world has no ${entity}: add one to world.ts`);
  return id;
}

function mayName(caller: CallerName, entity: EntityName): boolean {
  const kind = ownership(entity);
  if (kind === 'public') return true;
  if (kind === 'admin') return caller === 'root';
  return (entity === 'domain' ? reachCity : reachOwner).includes(caller);
}

/** The call in which all required values are valid, and every id is of the owner or of nobody. */
function callOf(command: Command, [name, entity]: Named): Record<string, string> {
  const required = Object.entries(parametersOf(command)).filter(([, parameter]) => parameter.required);
  const values = required.map(([each, parameter]): [string, string] => [
    each,
    parameter.entity === undefined ? rowsByKind[parameter.kind].valid(parameter) : idFor(parameter.entity),
  ]);
  return { ...Object.fromEntries(values), [name]: idFor(entity) };
}

function expectedCode(
  caller: CallerName,
  command: Command,
  entities: readonly (readonly [EntityName, Parameter<unknown>])[],
) {
  const role = roleOf(caller);
  if (!command.roles.includes(role)) return 432;
  const seen = entities.filter(([, { roles }]) => roles === undefined || roles.includes(role));
  return seen.every(([entity]) => mayName(caller, entity)) ? 0 : 531;
}

const withIds = commands.filter((command) => !command.roles.includes('anonymous') && named(command).length > 0);

test('the table has every kind of entity and most commands', (t) => {
  t.true(withIds.length > 75);
  const kinds = new Set(withIds.flatMap((command) => named(command).map(([, entity]) => entity)));
  for (const entity of Object.keys(entities)) t.true(kinds.has(entity as EntityName), entity);
  for (const entity of kinds) t.truthy(idFor(entity));
});

for (const command of withIds) {
  test.serial(`${command.name} takes ids from those alone who reach what they name`, async (t) => {
    const before = await digest();
    for (const parameter of named(command)) {
      const values = callOf(command, parameter);
      const given = named(command)
        .filter(([name]) => name in values)
        .map(([, entity, each]) => [entity, each] as const);
      await Promise.all(
        callerNames.map(async (caller) => {
          const expected = expectedCode(caller, command, given);
          // Refused by the real commands; what is not refused goes to the hollow ones.
          const client = (expected === 0 ? idleClients : world.callers)[caller];
          const { code, text } = await outcome(client, command.name, values, 'call');
          t.is(code, expected, `${caller}: ${command.name} ${JSON.stringify(values)}: ${text}`);
          if (code === 531) t.regex(text, /parameter \w+ names .*: expected a/);
        }),
      );
    }
    t.deepEqual(await digest(), before);
  });
}

test.serial('what belongs to a root admin is out of reach of everyone else, domain admins of ROOT too', async (t) => {
  const before = await digest();
  const { root } = world.belongings;
  const own = withIds.flatMap((command) =>
    named(command)
      .filter(([, entity]) => ['account', 'self', 'parent'].includes(ownership(entity)) && entity !== 'domain')
      .map((parameter) => ({ command, parameter })),
  );
  t.true(own.length > 60);
  for (const { command, parameter } of own) {
    const [name, entity] = parameter;
    const values = { ...callOf(command, parameter), [name]: root[entity] ?? '' };
    for (const caller of ['delegate', 'owner'] as const) {
      const { code, text } = await outcome(world.callers[caller], command.name, values);
      t.is(code, command.roles.includes(roleOf(caller)) ? 531 : 432, `${caller}: ${command.name} ${name}: ${text}`);
    }
  }
  const { ROOT: domainid } = world.domains;
  const person = { email: 'a@b', firstname: 'a', lastname: 'b', password: 'p', username: 'intruder' };
  for (const [command, values] of [
    ['createUser', { ...person, account: 'admin' }],
    ['createAccount', { ...person, accounttype: 1 }],
    ['lockAccount', { account: 'admin', domainid }],
    ['disableAccount', { account: 'admin', domainid, lock: true }],
    ['updateAccount', { account: 'admin', domainid, newname: 'mine' }],
    ['enableAccount', { account: 'admin', domainid }],
  ] as const) {
    const { code, text } = await outcome(world.callers.delegate, command, values);
    t.is(code, 531, `${command}: ${text}`);
  }
  t.deepEqual(await digest(), before);
});

test.serial('nobody acts for an account out of reach by its name', async (t) => {
  const before = await digest();
  const { zoneId: zoneid, networkOfferingId: networkofferingid, serviceOfferingId: serviceofferingid } = world;
  const { templateId: templateid } = world;
  const byName: readonly (readonly [string, Record<string, string>])[] = [
    ['createNetwork', { name: 'taken', zoneid, networkofferingid }],
    ['deployVirtualMachine', { zoneid, serviceofferingid, templateid }],
    ['associateIpAddress', { zoneid }],
  ];
  const targets = [
    { account: 'owner', domainid: world.domains.city },
    { account: 'admin', domainid: world.domains.ROOT },
    { account: 'owner' },
    { account: 'nobody', domainid: world.domains.city },
  ];
  for (const [command, values] of byName) {
    for (const caller of ['townAdmin', 'neighbour', 'stranger'] as const) {
      for (const target of targets) {
        const { code, text } = await outcome(world.callers[caller], command, { ...values, ...target });
        const own = target.domainid === undefined && caller === 'townAdmin';
        t.is(code, own ? 431 : 531, `${caller}: ${command} ${JSON.stringify(target)}: ${text}`);
      }
    }
  }
  t.deepEqual(await digest(), before);
});
