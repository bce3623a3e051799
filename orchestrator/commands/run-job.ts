// The execution of a job: what the queue calls with the id of an async_job row, again after a crash.
import type { Selectable } from 'kysely';
import type { Db } from '../store/database.ts';
import type { Log } from '../store/log.ts';
import type { AsyncJobTable } from '../store/schema.ts';
import { readStoredArguments } from './arguments.ts';
import { callerById } from './caller.ts';
import { jobContext, recordEvent } from './context.ts';
import type { AsyncCommand, Caller, Command, ResponseObject } from './declaration.ts';
import { wrap } from './dispatch.ts';
import { ApiError } from './errors.ts';
import { faultOf } from './fault.ts';
import { sealedResult } from './job/sealed-result.ts';
import type { Orchestration } from './orchestration.ts';
import { responseJson } from './response-json.ts';

export interface JobDependencies {
  readonly db: Db;
  readonly orchestration: Orchestration;
  readonly commands: readonly Command[];
  readonly log: Log;
}

type Job = Selectable<AsyncJobTable>;

/** Who a job works for. A user that was deleted or disabled since still has its started work brought to an end. */
async function callerOf(db: Db, job: Job): Promise<Caller> {
  const caller = job.user_id === null ? null : await callerById(db, job.user_id);
  if (caller !== null) return caller;
  const account = await db.selectFrom('account').select('name').where('id', '=', job.account_id).executeTakeFirst();
  const domain = await db.selectFrom('domain').select('path').where('id', '=', job.domain_id).executeTakeFirst();
  return {
    userId: job.user_id ?? job.account_id,
    username: '',
    accountId: job.account_id,
    accountName: account?.name ?? '',
    domainId: job.domain_id,
    domainPath: domain?.path ?? '-',
    role: 'User',
  };
}

function commandOf(commands: readonly Command[], name: string): AsyncCommand {
  const command = commands.find((candidate) => candidate.name === name);
  if (command?.kind !== 'async') throw new ApiError('unsupported', `Command ${name} is not one of this release`);
  return command;
}

async function perform(deps: JobDependencies, job: Job, caller: Caller): Promise<ResponseObject> {
  const command = commandOf(deps.commands, job.command);
  await recordEvent(deps.db, caller, {
    type: command.eventType,
    state: 'Started',
    description: `${command.name} has started`,
    resource: job.instance_id === null ? undefined : { type: command.instanceType, id: job.instance_id },
  });
  const parameters = readStoredArguments(command.parameters, job.parameters);
  const context = jobContext(deps.db, caller, deps.orchestration);
  return wrap(deps.db, command, await command.execute(context, job.instance_id ?? '', parameters));
}

async function complete(deps: JobDependencies, job: Job, caller: Caller, outcome: { result: unknown; code: number }) {
  const failed = outcome.code !== 0;
  const type = deps.commands.find(({ name }) => name === job.command);
  await deps.db.transaction().execute(async (trx) => {
    await trx
      .updateTable('async_job')
      .set({
        status: failed ? 2 : 1,
        result_code: outcome.code,
        result: responseJson(sealedResult(outcome.result, deps.orchestration)),
        completed: new Date(),
      })
      .where('id', '=', job.id)
      .where('status', '=', 0)
      .execute();
    await recordEvent(trx, caller, {
      type: type?.kind === 'async' ? type.eventType : 'ASYNC.JOB',
      level: failed ? 'ERROR' : 'INFO',
      description: failed ? `${job.command} has failed` : `${job.command} is done`,
      resource: job.instance_id === null ? undefined : { type: job.instance_type ?? 'AsyncJob', id: job.instance_id },
    });
  });
}

/** True for what pg says of a connection that broke or cannot be made (PostgreSQL's classes 08 and 57P). */
function isDatabaseLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const unreachable = 'syscall' in error && error.syscall === 'connect' && 'address' in error;
  return unreachable || /^(?:08|57P)/.test(code) || error.message.startsWith('Connection terminated');
}

/** Runs one job to its end, also where it fails. Throws only where the database is lost: then it has to run again. */
export async function runJob(deps: JobDependencies, jobId: string): Promise<void> {
  const job = await deps.db.selectFrom('async_job').selectAll().where('id', '=', jobId).executeTakeFirst();
  if (job === undefined || job.status !== 0) return;
  const started = performance.now();
  const caller = await callerOf(deps.db, job);
  try {
    const result = await perform(deps, job, caller);
    await complete(deps, job, caller, { result, code: 0 });
    deps.log.info('job done', {
      job: jobId,
      command: job.command,
      durationMs: Math.round(performance.now() - started),
    });
  } catch (error) {
    if (isDatabaseLost(error)) throw error;
    const fault = faultOf(error, caller.role);
    await complete(deps, job, caller, { result: fault, code: fault.errorcode });
    const durationMs = Math.round(performance.now() - started);
    deps.log.warn('job failed', { job: jobId, command: job.command, code: fault.errorcode, durationMs, error });
  }
}

/** Ends a job as failed whose every attempt ended with the death of its process. */
export async function abandonJob(deps: JobDependencies, jobId: string): Promise<void> {
  const job = await deps.db.selectFrom('async_job').selectAll().where('id', '=', jobId).executeTakeFirst();
  if (job === undefined || job.status !== 0) return;
  const caller = await callerOf(deps.db, job);
  const fault = faultOf(new ApiError('internal', 'The job was tried too often in vain'), caller.role);
  await complete(deps, job, caller, { result: fault, code: fault.errorcode });
}
