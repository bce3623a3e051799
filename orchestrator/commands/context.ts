// Makes the contexts that handlers work with.
import type { Db, Trx } from '../store/database.ts';
import { domainWithinReach, withinReach } from './access.ts';
import type { Caller, CommandContext, JobContext, Owner } from './declaration.ts';
import { ApiError, parameterError } from './errors.ts';
import type { Orchestration } from './orchestration.ts';
import { readSetting } from './settings.ts';

async function namedOwner(
  db: Trx,
  caller: Caller,
  accountName: string,
  domain: { id: string } | undefined,
): Promise<Owner> {
  const domainId = domain?.id ?? caller.domainId;
  const account = await db
    .selectFrom('account')
    .select(['id', 'domain_id', 'state'])
    .where('name', '=', accountName)
    .where('domain_id', '=', domainId)
    .executeTakeFirst();
  // Whether there is such an account is told only to those who reach its domain.
  const reach =
    account === undefined
      ? caller.role !== 'User' && (await domainWithinReach(db, caller, domainId))
      : await withinReach(db, caller, 'account', account);
  if (!reach) {
    const message = `Account ${caller.accountName} may not act for account ${accountName} (parameter account): expected an account within its reach`;
    throw new ApiError('account', message);
  }
  if (account === undefined) throw parameterError('account', accountName, 'the name of an account of the domain');
  if (account.state !== 'enabled') throw new ApiError('account', `Account ${accountName} is ${account.state}`);
  return { accountId: account.id, domainId: account.domain_id };
}

async function findOwner(
  db: Trx,
  caller: Caller,
  named: { account?: string | undefined; domainid?: { id: string } | undefined },
): Promise<Owner> {
  if (named.account !== undefined) return namedOwner(db, caller, named.account, named.domainid);
  if (named.domainid !== undefined && named.domainid.id !== caller.domainId) {
    throw parameterError('domainid', named.domainid.id, 'parameter account beside it');
  }
  return { accountId: caller.accountId, domainId: caller.domainId };
}

/** The event states of CloudStack. */
export type EventState = 'Created' | 'Scheduled' | 'Started' | 'Completed';

/** One event as it is recorded. */
export interface EventRecord {
  readonly type: string;
  readonly description: string;
  readonly state?: EventState;
  readonly level?: 'INFO' | 'WARN' | 'ERROR';
  readonly resource?: { readonly type: string; readonly id: string; readonly owner?: Owner | undefined } | undefined;
}

/** Records an event of the caller's. */
export async function recordEvent(db: Db | Trx, caller: Caller, event: EventRecord): Promise<void> {
  const owner = event.resource?.owner ?? caller;
  await db
    .insertInto('event')
    .values({
      type: event.type,
      level: event.level ?? 'INFO',
      state: event.state ?? 'Completed',
      description: event.description.slice(0, 1024),
      user_id: caller.userId,
      account_id: owner.accountId,
      domain_id: owner.domainId,
      resource_type: event.resource?.type ?? null,
      resource_id: event.resource?.id ?? null,
    })
    .execute();
}

/** A handler's context within one transaction. */
export function commandContext(db: Trx, caller: Caller, orchestration: Orchestration): CommandContext {
  return {
    caller,
    db,
    orchestration,
    setting: (name) => readSetting(db, name),
    owner: (named) => findOwner(db, caller, named),
    event: (type, description, resource) => recordEvent(db, caller, { type, description, resource }),
  };
}

/** The context of work outside of any transaction. */
export function jobContext(db: Db, caller: Caller, orchestration: Orchestration): JobContext {
  return {
    caller,
    db,
    orchestration,
    setting: (name) => readSetting(db, name),
    owner: (named) => db.transaction().execute((trx) => findOwner(trx, caller, named)),
    event: (type, description, resource) => recordEvent(db, caller, { type, description, resource }),
  };
}
