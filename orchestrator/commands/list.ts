// The framework of list commands: what the caller may see, keyword, pages, count.
import { type SelectQueryBuilder, sql } from 'kysely';
import type { Database } from '../store/schema.ts';
import { domainWithinReach, type Scope, scopeCondition } from './access.ts';
import { type CallParameters, readArguments } from './arguments.ts';
import type { CommandContext, ListCommand, ResponseObject } from './declaration.ts';
import { type EntityName, type EntityRow, entities } from './entities.ts';
import { ApiError, parameterError } from './errors.ts';
import { type ParameterMap, p } from './parameter.ts';
import { havingTags, tagsParameter } from './tag/filter.ts';
import { isTaggable } from './tag/resource-types.ts';
import { withTags } from './tag/response.ts';

const paging = {
  keyword: p.text.optional('List by keyword'),
  page: p.integer(1, 2_147_483_647).optional('The page, from 1; pagesize must stand beside it'),
  pagesize: p.integer(-1, 2_147_483_647).optional('Objects on a page; page must stand beside it'),
} satisfies ParameterMap;

const ownership = {
  account: p.text.optional('List what belongs to this account; with domainid for one of another domain'),
  domainid: p.entity('domain').optional('List what belongs to this domain'),
  isrecursive: p.boolean.optional('With domainid: the domains below it too'),
  listall: p.boolean.optional('List everything that the caller may see; by default only what is its own'),
} satisfies ParameterMap;

/** True where a list of the entity is restricted to what the caller may see. */
function isOwned(entity: EntityName): boolean {
  const { kind } = entities[entity].ownership;
  return kind !== 'public' && kind !== 'admin';
}

/** All the parameters of a list command: the framework's and its own, which win. */
export function listParameters(command: ListCommand): ParameterMap {
  return {
    id: p.entity(command.entity).optional(`The id of the ${entities[command.entity].label}`),
    ...paging,
    ...(isOwned(command.entity) ? ownership : {}),
    ...(isTaggable(command.entity) ? { tags: tagsParameter } : {}),
    ...command.parameters,
  };
}

async function domainScope(context: CommandContext, domainId: string, recursive: boolean): Promise<Scope> {
  const { path } = await context.db
    .selectFrom('domain')
    .select('path')
    .where('id', '=', domainId)
    .executeTakeFirstOrThrow();
  return { domain: { id: domainId, path, recursive } };
}

interface ScopeWishes {
  readonly id?: unknown;
  readonly account?: string;
  /** Of commands that have it: resolved to be within reach. */
  readonly accountid?: { id: string };
  readonly domainid?: { id: string };
  readonly isrecursive?: boolean;
  readonly listall?: boolean;
}

async function accountScope(context: CommandContext, account: string, domainId: string): Promise<Scope> {
  const { caller } = context;
  const found = await context.db
    .selectFrom('account')
    .select('id')
    .where('name', '=', account)
    .where('domain_id', '=', domainId)
    .executeTakeFirst();
  const reach =
    caller.role === 'User' ? found?.id === caller.accountId : await domainWithinReach(context.db, caller, domainId);
  if (!reach) {
    const message = `Account ${caller.accountName} may not list what belongs to account ${account}: expected an account within its reach`;
    throw new ApiError('account', message);
  }
  if (found === undefined) throw parameterError('account', account, 'the name of an account of the domain');
  return { accountId: found.id };
}

/** What the call asks to see, within what the caller may see. */
async function scopeOf(context: CommandContext, entity: EntityName, wishes: ScopeWishes): Promise<Scope> {
  const { caller } = context;
  if (wishes.account !== undefined) {
    const domainId = wishes.domainid?.id ?? caller.domainId;
    const scope = await accountScope(context, wishes.account, domainId);
    // A domain is no account's: that of the account is listed.
    return entity === 'domain' ? domainScope(context, domainId, false) : scope;
  }
  // An id was resolved to be within reach already.
  if (wishes.id !== undefined) return {};
  if (wishes.accountid !== undefined) return { accountId: wishes.accountid.id };
  if (caller.role === 'User')
    return entity === 'domain' ? domainScope(context, caller.domainId, false) : { accountId: caller.accountId };
  if (wishes.domainid !== undefined) return domainScope(context, wishes.domainid.id, wishes.isrecursive === true);
  if (wishes.listall === true) return caller.role === 'Admin' ? {} : domainScope(context, caller.domainId, true);
  return entity === 'domain' ? domainScope(context, caller.domainId, false) : { accountId: caller.accountId };
}

type AnyQuery = SelectQueryBuilder<Database, EntityName, EntityRow<EntityName>>;

function keywordCondition(entity: EntityName, columns: readonly string[], keyword: string) {
  const pattern = `%${keyword.replaceAll(/[\\%_]/g, '\\$&')}%`;
  const matches = columns.map((column) => sql`${sql.ref(`${entity}.${column}`)}::text ilike ${pattern}`);
  return sql<boolean>`(${sql.join(matches, sql` or `)})`;
}

async function pageOf(context: CommandContext, values: { page?: number; pagesize?: number }) {
  const limit = Number(await context.setting('default.page.size'));
  const { page, pagesize } = values;
  if (pagesize !== undefined && page === undefined && pagesize !== -1) {
    throw new ApiError('parameter', '"page" parameter is required when "pagesize" is specified');
  }
  if (page !== undefined && pagesize === undefined) {
    throw new ApiError('parameter', '"pagesize" parameter is required when "page" is specified');
  }
  if (pagesize === 0 || (limit !== -1 && pagesize !== undefined && (pagesize > limit || pagesize === -1))) {
    throw parameterError('pagesize', pagesize, `a whole number from 1 to ${limit}`);
  }
  const size = pagesize ?? limit;
  return size === -1 ? null : { size, offset: ((page ?? 1) - 1) * size };
}

function ordered(query: AnyQuery, entity: EntityName, order: readonly string[]): AnyQuery {
  const columns = order.map((item) => {
    const [column = 'id', direction] = item.split(' ');
    return sql`${sql.ref(`${entity}.${column}`)} ${sql.raw(direction === 'desc' ? 'desc' : 'asc')}`;
  });
  return query.orderBy(sql.join([...columns, sql.ref(`${entity}.id`)]));
}

async function countOf(query: AnyQuery): Promise<number> {
  const { count } = await query.clearSelect().select(sql<string>`count(*)`.as('count')).executeTakeFirstOrThrow();
  return Number(count);
}

/** Runs a list command: `{count, <key>: [...]}`, or `{}` where nothing is to be listed. */
export async function runList(
  context: CommandContext,
  command: ListCommand,
  call: CallParameters,
): Promise<ResponseObject> {
  const { entity } = command;
  const whole = { ...command, parameters: listParameters(command) };
  const values = await readArguments(context.db, context.caller, whole, call);
  const scope = isOwned(entity) ? await scopeOf(context, entity, values) : {};
  const start = context.db.selectFrom(entity).selectAll(entity) as unknown as AnyQuery;
  let query = start.where((builder) => scopeCondition(builder, entity, scope) ?? sql<boolean>`true`);
  const row = values.id as { id: string } | undefined;
  if (row !== undefined) query = query.where(sql<boolean>`${sql.ref(`${entity}.id`)} = ${row.id}`);
  if (typeof values.keyword === 'string' && command.keywordColumns.length > 0) {
    query = query.where(keywordCondition(entity, command.keywordColumns, values.keyword));
  }
  query = command.filter(query, values, context);
  const { tags } = values;
  if (isTaggable(entity) && Array.isArray(tags)) query = havingTags(query, entity, tags);
  const page = await pageOf(context, values);
  const sorted = ordered(query, entity, command.order);
  const rows = await (page === null ? sorted : sorted.limit(page.size).offset(page.offset)).execute();
  const complete = page === null || (page.offset === 0 && rows.length < page.size);
  const count = complete ? rows.length : await countOf(query);
  if (count === 0 || rows.length === 0) return {};
  const presented = await command.present(context, rows, values);
  return { count, [command.responseKey ?? entity]: await withTags(context.db, presented) };
}
