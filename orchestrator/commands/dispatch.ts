// From an authenticated call to its answer: looks the command up, reads the parameters, runs the handler in one
// transaction.
import { sql } from 'kysely';
import type { Db, Trx } from '../store/database.ts';
import { sqlStateOf, transaction } from '../store/transaction.ts';
import { type CallParameters, readArguments, storedArguments } from './arguments.ts';
import { anonymous } from './caller.ts';
import { commandContext, jobContext, recordEvent } from './context.ts';
import type { AsyncCommand, Caller, Command, ResponseObject, SyncCommand } from './declaration.ts';
import { ApiError } from './errors.ts';
import { runList } from './list.ts';
import type { Orchestration } from './orchestration.ts';
import { withTags } from './tag/response.ts';

/** Puts a job into the queue within the transaction that made its row. */
export interface JobQueuePort {
  enqueue(trx: Trx, jobId: string): Promise<void>;
  /** Told after the commit, so that a job of this process starts without a detour. */
  wake(): void;
}

export interface DispatchDependencies {
  readonly db: Db;
  readonly orchestration: Orchestration;
  readonly commands: readonly Command[];
  readonly queue: JobQueuePort;
}

export interface Dispatcher {
  /** The command of that name that the caller may use. Throws 432 for any other. */
  find(name: string, caller: Caller | null): Command;
  /** Runs it and answers with the body of its response, without the envelope. Throws ApiError. */
  run(command: Command, caller: Caller | null, call: CallParameters): Promise<ResponseObject>;
}

/** Puts an object, with its tags, under the command's response key. */
export async function wrap(db: Db | Trx, command: Command, object: ResponseObject): Promise<ResponseObject> {
  if (command.responseKey === null) return object;
  const [tagged = object] = await withTags(db, [object]);
  return { [command.responseKey]: tagged };
}

function mayUse(command: Command, caller: Caller | null): boolean {
  return command.roles.includes('anonymous') || (caller !== null && command.roles.includes(caller.role));
}

/** As `transaction`; errors of the database as those of the API. */
function translatedTransaction<Result>(db: Db, work: (trx: Trx) => Promise<Result>): Promise<Result> {
  return transaction(db, work).catch((error: unknown) => {
    throw translated(error);
  });
}

/** Violated constraints that no handler translated, as errors that the caller understands. */
function translated(error: unknown): unknown {
  switch (sqlStateOf(error)) {
    case '23505':
      return new ApiError('parameter', 'An object with one of these values exists already: expected another', {
        cause: error,
      });
    case '23503':
      return new ApiError('inUse', 'The object is in use, or another that it needs is gone', { cause: error });
    default:
      return error;
  }
}

async function runSync(deps: DispatchDependencies, command: SyncCommand, caller: Caller, call: CallParameters) {
  const [values, object] = await translatedTransaction(deps.db, async (trx) => {
    const context = commandContext(trx, caller, deps.orchestration);
    const parameters = await readArguments(trx, caller, command, call);
    const answer = await command.handler(context, parameters);
    const jobs = await schedulePart(trx, deps, command, caller, parameters);
    return [parameters, { ...answer, ...jobs }] as const;
  });
  if (command.calls !== undefined) deps.queue.wake();
  const context = jobContext(deps.db, caller, deps.orchestration);
  await command.afterCommit?.(context, values, object);
  return wrap(deps.db, command, (await command.answerLate?.(context, values, object)) ?? object);
}

/** The jobs of a sync command that makes calls itself, as its answer has them. */
async function schedulePart(
  trx: Trx,
  deps: DispatchDependencies,
  { calls }: SyncCommand,
  caller: Caller,
  parameters: Parameters<SyncCommand['handler']>[1],
): Promise<ResponseObject> {
  if (calls === undefined) return {};
  const asyncjobs: ResponseObject[] = [];
  for (const { command: name, values } of await calls(commandContext(trx, caller, deps.orchestration), parameters)) {
    const command = deps.commands.find((each) => each.name === name);
    if (command?.kind !== 'async') throw new ApiError('internal', `${name} is no asynchronous command`);
    const { jobid } = await schedule(trx, deps, command, caller, values);
    asyncjobs.push({ jobid });
  }
  return { asyncjobs };
}

async function runAsync(deps: DispatchDependencies, command: AsyncCommand, caller: Caller, call: CallParameters) {
  const answer = await translatedTransaction(deps.db, (trx) => schedule(trx, deps, command, caller, call));
  deps.queue.wake();
  return answer;
}

async function schedule(
  trx: Trx,
  deps: DispatchDependencies,
  command: AsyncCommand,
  caller: Caller,
  call: CallParameters,
): Promise<{ jobid: string; id?: string }> {
  const parameters = await readArguments(trx, caller, command, call);
  const { id } = await command.prepare(commandContext(trx, caller, deps.orchestration), parameters);
  const job = await trx
    .insertInto('async_job')
    .values({
      command: command.name,
      parameters: JSON.stringify(storedArguments(caller, command.parameters, call)),
      user_id: caller.userId,
      account_id: caller.accountId,
      domain_id: caller.domainId,
      instance_type: command.instanceType,
      instance_id: id,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await recordEvent(trx, caller, {
    type: command.eventType,
    state: 'Scheduled',
    description: `${command.name} is scheduled`,
    resource: { type: command.instanceType, id },
  });
  await deps.queue.enqueue(trx, job.id);
  return command.creates ? { id, jobid: job.id } : { jobid: job.id };
}

/** The dispatcher over a table of commands. */
export function createDispatcher(deps: DispatchDependencies): Dispatcher {
  const byName = new Map(deps.commands.map((command) => [command.name.toLowerCase(), command]));
  return {
    find: (name, caller) => {
      const command = byName.get(name.toLowerCase());
      if (command === undefined || !mayUse(command, caller)) {
        throw new ApiError('unsupported', 'The given command does not exist or it is not available for user');
      }
      return command;
    },
    run: (command, caller, call) => {
      const who = caller ?? anonymous;
      switch (command.kind) {
        case 'sync':
          return runSync(deps, command, who, call);
        case 'list':
          return translatedTransaction(deps.db, async (trx) => {
            await sql`set transaction read only`.execute(trx);
            return runList(commandContext(trx, who, deps.orchestration), command, call);
          });
        case 'async':
          return runAsync(deps, command, who, call);
      }
    },
  };
}
