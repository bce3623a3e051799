// Bad input, from the declarations: every parameter of every command, over HTTP and a real database. What is refused
// names the parameter, the value and what was expected, and changes nothing. No command and no kind can be left out: the
// tables are the registry and the kinds of parameters.
import type { ApiClient, ApiValues } from '@isthmus/api-client';
import { parametersOf } from '@isthmus/orchestrator/commands/api/list-apis';
import type { Command } from '@isthmus/orchestrator/commands/declaration';
import type { EntityName } from '@isthmus/orchestrator/commands/entities';
import type { Parameter } from '@isthmus/orchestrator/commands/parameter';
import { commands } from '@isthmus/orchestrator/commands/registry';
import test, { type ExecutionContext } from 'ava';
import { type Digest, digestOf } from './digest.ts';
import { rowsByKind } from './hostile-values.ts';
import { outcome } from './refusal.ts';
import { startWorld, type World } from './world.ts';

let world: World;
let digest: () => Promise<Digest>;
test.before(async () => {
  world = await startWorld();
  digest = await digestOf(world.db);
});
test.after.always(() => world?.close());

type AnyParameter = Parameter<unknown>;

/** An id of the root admin's, or of nobody's. */
function ownId(entity: EntityName): string {
  const id = world.common[entity] ?? world.belongings.root[entity];
  if (id === undefined) throw new Error(`the world has no ${entity}: add one to world.ts`);
  return id;
}

function validValue(parameter: AnyParameter): string {
  return parameter.entity === undefined ? rowsByKind[parameter.kind].valid(parameter) : ownId(parameter.entity);
}

/** Values by which nothing but the parameter under test is wrong. */
function validCall(command: Command): Record<string, string> {
  const required = Object.entries(parametersOf(command)).filter(([, parameter]) => parameter.required);
  return Object.fromEntries(required.map(([name, parameter]) => [name, validValue(parameter)]));
}

/** How an error shows a value. */
function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

/** Runs a few at a time: the server is one process. */
async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

interface Case {
  readonly command: Command;
  readonly name: string;
  readonly parameter: AnyParameter;
  readonly value: string;
}

async function mustRefuse(t: ExecutionContext, client: ApiClient, { command, name, parameter, value }: Case) {
  const call: ApiValues = { ...validCall(command), [name]: value };
  const { code, text } = await outcome(client, command.name, call);
  const what = `${command.name} ${name}=${shown(value)}: ${code} ${text}`;
  t.is(code, 431, what);
  t.regex(text, new RegExp(`\\b${name}\\b`), what);
  t.regex(text, /: expected /, what);
  if (parameter.secret === true)
    t.false(value.length > 3 && text.includes(value.slice(0, 80)), `tells a secret: ${what}`);
  else if (!text.includes('entity does not exist')) t.true(text.includes(shown(value)), `does not show it: ${what}`);
}

function casesOf(command: Command): Case[] {
  return Object.entries(parametersOf(command)).flatMap(([name, parameter]) =>
    rowsByKind[parameter.kind].refused(parameter).map((value) => ({ command, name, parameter, value })),
  );
}

test('every parameter of every command has a kind that the table knows, and the table is not empty', (t) => {
  t.true(commands.length > 90);
  const known = Object.keys(rowsByKind);
  let rows = 0;
  for (const command of commands) {
    for (const [name, parameter] of Object.entries(parametersOf(command))) {
      t.true(known.includes(parameter.kind), `${command.name} ${name} is of kind ${parameter.kind}`);
      t.is(parameter.kind === 'entity' || parameter.kind === 'entities', parameter.entity !== undefined, name);
      if (parameter.kind === 'integer') t.is(parameter.range?.length, 2, `${command.name} ${name} has no range`);
      if (parameter.kind === 'oneOf') t.true((parameter.values ?? []).length > 0, `${command.name} ${name}`);
    }
    rows += casesOf(command).length;
  }
  t.true(rows > 5_000, `${rows} rows`);
});

for (const command of commands) {
  test.serial(`${command.name} refuses malformed values, names the parameter and changes nothing`, async (t) => {
    const before = await digest();
    await each(casesOf(command), (row) => mustRefuse(t, world.admin, row));
    t.deepEqual(await digest(), before);
  });
}

test.serial('a required parameter that is missing or empty is named', async (t) => {
  const before = await digest();
  const required = commands.flatMap((command) =>
    Object.entries(parametersOf(command)).flatMap(([name, parameter]) =>
      parameter.required ? [{ command, name }] : [],
    ),
  );
  t.true(required.length > 80);
  await each(required, async ({ command, name }) => {
    for (const value of [undefined, '']) {
      const { code, text } = await outcome(world.admin, command.name, { ...validCall(command), [name]: value });
      t.is(code, 431, `${command.name} without ${name}: ${text}`);
      t.regex(text, new RegExp(`missing parameter ${name}: expected`));
    }
  });
  t.deepEqual(await digest(), before);
});

test.serial('the id of another kind of entity names nothing', async (t) => {
  const before = await digest();
  const named = commands.flatMap((command) =>
    Object.entries(parametersOf(command)).flatMap(([name, { entity }]) => (entity ? [{ command, name, entity }] : [])),
  );
  t.true(named.length > 100);
  const kinds: EntityName[] = ['zone', 'network', 'account', 'virtual_machine', 'public_ip_address'];
  await each(named, async ({ command, name, entity }) => {
    for (const other of kinds.filter((kind) => kind !== entity)) {
      const value = ownId(other);
      const { code, text } = await outcome(world.admin, command.name, { ...validCall(command), [name]: value });
      t.is(code, 431, `${command.name} ${name} of a ${other}: ${text}`);
      t.regex(
        text,
        new RegExp(`Invalid parameter ${name} value=${value} due to incorrect long value format, or entity`),
      );
    }
  });
  t.deepEqual(await digest(), before);
});

test("booleans are read as Java's parseBoolean reads them", (t) => {
  const flags = commands.flatMap((command) =>
    Object.values(parametersOf(command)).filter(({ kind }) => kind === 'boolean'),
  );
  t.true(flags.length > 30);
  for (const { parse } of flags) {
    for (const text of ['true', 'True', 'TRUE', 'tRuE']) t.is(parse(text), true, text);
    for (const text of ['false', 'yes', '1', 'on', 'None', 'null', ' true', 'true ', 'true\n', 'wahr', '\0']) {
      t.is(parse(text), false, JSON.stringify(text));
    }
  }
});

test.serial('parameters that no command declares are ignored, whatever they say', async (t) => {
  const strange = {
    vpc_id: 'None',
    nosuch: 'a\nb\0<script>',
    __proto__x: '1',
    'odd[0].key': 'x',
    'odd[0].value': '\0',
  };
  const before = await digest();
  const lists = commands.filter(({ kind }) => kind === 'list');
  await each(lists, async (command) => {
    const { code, text } = await outcome(world.admin, command.name, { ...validCall(command), ...strange });
    // listTemplates' filter is a required word; every other required value of a list is an id of the world.
    t.is(code, 0, `${command.name}: ${text}`);
  });
  t.deepEqual(await digest(), before);
});

test.serial('quotes, backslashes and percent signs in a description come back as they were', async (t) => {
  const displaytext = `it's "quoted" \\ %0a %s $(id) \${x} ; & | # -- ünï ☃ 𝄞 ]]`;
  const id = world.belongings.owner.network ?? '';
  await world.callers.owner.run('updateNetwork', { id, displaytext });
  const [network] = await world.callers.owner.list('listNetworks', { id });
  t.is(network?.displaytext, displaytext);
  const byKeyword = await world.callers.owner.list('listNetworks', { keyword: `"quoted" \\ %0a %s` });
  t.deepEqual(
    byKeyword.map((found) => found.id),
    [id],
  );
  t.is((await world.callers.owner.list('listNetworks', { keyword: '%' })).length, 1);
  t.is((await world.callers.owner.list('listNetworks', { keyword: '_x_' })).length, 0);
});
