// How a command is declared. One file a command, `commands/<resource>/<command>.ts`, exports one of these; registry.ts
// lists them. The API, validation, listApis, the CLI and the reference pages come from the declaration.
import type { SelectQueryBuilder } from 'kysely';
import type { Db, Trx } from '../store/database.ts';
import type { Database } from '../store/schema.ts';
import type { EntityName, EntityRow } from './entities.ts';
import type { Orchestration } from './orchestration.ts';
import type { ParameterMap, ParameterValues, PlainValues, Role } from './parameter.ts';

/** Who calls. Root admins see everything, domain admins their domain's subtree, users their account. */
export interface Caller {
  readonly userId: string;
  readonly username: string;
  readonly accountId: string;
  readonly accountName: string;
  readonly domainId: string;
  readonly domainPath: string;
  readonly role: Role;
  /** How the call came; absent where none did, as in a job. */
  readonly via?: CallPath;
}

/** The connection of a call. `sessionId`: digest of the web page's session, null for a signed call. */
export interface CallPath {
  readonly address: string;
  readonly sessionId: string | null;
}

/** Whom a created thing belongs to: the caller, or who `account` and `domainid` name, checked to be within reach. */
export interface Owner {
  readonly accountId: string;
  readonly domainId: string;
}

/** What a handler works with. `db` is one transaction for the whole call, rolled back where the handler throws. */
export interface CommandContext {
  readonly caller: Caller;
  readonly db: Trx;
  readonly orchestration: Orchestration;
  /** Settings of the installation by name (listConfigurations), with their defaults. */
  setting(name: string): Promise<string>;
  /** The owner that the call's `account` and `domainid` name; without them the caller. Throws 531 beyond the caller's reach. */
  owner(named: { account?: string | undefined; domainid?: { id: string } | undefined }): Promise<Owner>;
  /** Records an event of the caller's. */
  event(type: string, description: string, resource?: { type: string; id: string; owner?: Owner }): Promise<void>;
}

/** What the execution of an async command works with: no transaction around it; it opens its own by `db.transaction()`. */
export interface JobContext extends Omit<CommandContext, 'db'> {
  readonly db: Db;
}

/** One field of a response, as listApis tells it. Optional fields are absent rather than null. */
export interface ResponseField {
  readonly type: 'string' | 'boolean' | 'integer' | 'long' | 'date' | 'list' | 'map' | 'set';
  readonly description: string;
  readonly fields?: ResponseFields;
}
export type ResponseFields = Readonly<Record<string, ResponseField>>;
/** A response object. Values that are undefined are left out. */
export type ResponseObject = { readonly [field: string]: unknown };

interface Common<Params extends ParameterMap> {
  /** CloudStack's name, in camel case. */
  readonly name: string;
  readonly description: string;
  readonly since?: string;
  /** Who may call it; `anonymous` needs no session and no signature. */
  readonly roles: readonly (Role | 'anonymous')[];
  readonly parameters: Params;
  /** Key of the object in the answer, e.g. `network`; with null the answer is `{success: true}` or what the handler gives, unwrapped. */
  readonly responseKey: string | null;
  readonly responseFields: ResponseFields;
  /** Refuses GET (login and what carries secrets). */
  readonly postOnly?: boolean;
}

/** A command that is done when it answers. */
export interface SyncCommand<Params extends ParameterMap = ParameterMap> extends Common<Params> {
  readonly kind: 'sync';
  readonly handler: (context: CommandContext, parameters: ParameterValues<Params>) => Promise<ResponseObject>;
  /**
   * Calls of async commands that it makes in its caller's name, each by the command's name with its parameters' texts. In
   * the same transaction; the answer has their jobs' ids as `asyncjobs`.
   */
  readonly calls?: (
    context: CommandContext,
    parameters: ParameterValues<Params>,
  ) => Promise<readonly { readonly command: string; readonly values: ReadonlyMap<string, string> }[]>;
  /**
   * Runs after the handler's transaction is committed and before the call is answered, outside any transaction: for a
   * sync command whose change has to be in force when it answers, such as enableStaticNat. `answer` is the handler's.
   */
  readonly afterCommit?: (
    context: JobContext,
    parameters: ParameterValues<Params>,
    answer: ResponseObject,
  ) => Promise<void>;
  /**
   * As afterCommit, for a command whose answer comes from work outside any transaction: what it gives is the answer, and
   * that of the handler is not seen.
   */
  readonly answerLate?: (
    context: JobContext,
    parameters: ParameterValues<Params>,
    answer: ResponseObject,
  ) => Promise<ResponseObject>;
}

/**
 * A list of entities. The framework adds `id`, `keyword`, `page`, `pagesize`, and for owned entities `account`,
 * `domainid`, `listall`, `isrecursive`, `projectid`; restricts the query to what the caller may see; counts and pages.
 */
export interface ListCommand<Params extends ParameterMap = ParameterMap, Name extends EntityName = EntityName>
  extends Common<Params> {
  readonly kind: 'list';
  readonly entity: Name;
  /** Columns that `keyword` searches, case-insensitively. */
  readonly keywordColumns: readonly string[];
  /** Columns to order by, each `column` or `column desc`; `id` is always the last. */
  readonly order: readonly string[];
  /** Narrows the query by the command's own parameters. */
  readonly filter: (
    query: SelectQueryBuilder<Database, Name, EntityRow<Name>>,
    parameters: ParameterValues<Params>,
    context: CommandContext,
  ) => SelectQueryBuilder<Database, Name, EntityRow<Name>>;
  /** Response objects of a page's rows, in their order; looks related rows up once for all of them. */
  readonly present: (
    context: CommandContext,
    rows: readonly EntityRow<Name>[],
    parameters: ParameterValues<Params>,
  ) => Promise<ResponseObject[]>;
}

/**
 * A command answered with a job. `prepare` checks everything that can be refused at once and writes the rows, in the
 * transaction that also makes the job. `execute` does the long work; it may run again after a crash. Its answer is the
 * job's result.
 */
export interface AsyncCommand<Params extends ParameterMap = ParameterMap> extends Common<Params> {
  readonly kind: 'async';
  /** CloudStack's event type, such as FIREWALL.OPEN; events Scheduled, Started and Completed are recorded by it. */
  readonly eventType: string;
  /** The job's jobinstancetype, such as `FirewallRule`. */
  readonly instanceType: string;
  /** Answers with the id of what was made or is worked on. For create commands it is the `id` beside `jobid`. */
  readonly prepare: (context: CommandContext, parameters: ParameterValues<Params>) => Promise<{ id: string }>;
  /** True: a create command, `id` stands beside `jobid`. */
  readonly creates: boolean;
  readonly execute: (context: JobContext, id: string, parameters: PlainValues<Params>) => Promise<ResponseObject>;
}

export type Command = SyncCommand | ListCommand | AsyncCommand;

/** Declares a sync command; the identity, typed. */
export function syncCommand<const Params extends ParameterMap>(
  declaration: Omit<SyncCommand<Params>, 'kind'>,
): SyncCommand {
  return { ...declaration, kind: 'sync' } as unknown as SyncCommand;
}

/** Declares a list command. */
export function listCommand<const Params extends ParameterMap, const Name extends EntityName>(
  declaration: Omit<ListCommand<Params, Name>, 'kind'>,
): ListCommand {
  return { ...declaration, kind: 'list' } as unknown as ListCommand;
}

/** Declares an async command. */
export function asyncCommand<const Params extends ParameterMap>(
  declaration: Omit<AsyncCommand<Params>, 'kind'>,
): AsyncCommand {
  return { ...declaration, kind: 'async' } as unknown as AsyncCommand;
}
