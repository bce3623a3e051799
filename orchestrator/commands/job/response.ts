import type { Db, Trx } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ownerFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';
import { resultWithoutSecrets } from './sealed-result.ts';

/** Fields of a job. */
export const jobFields: ResponseFields = {
  accountid: field.string('The id of the account that called'),
  account: field.string('The account that called'),
  domainid: field.string('The id of its domain'),
  domainpath: field.string('The path of its domain'),
  userid: field.string('The id of the user that called'),
  cmd: field.string('The command'),
  jobid: field.string('The id of the job'),
  jobstatus: field.integer('0 in progress, 1 done, 2 failed'),
  jobprocstatus: field.integer('Always 0'),
  jobresultcode: field.integer('0, or the error code of a failed job'),
  jobresulttype: field.string('object'),
  jobresult: field.map('What the command answers, or errorcode and errortext'),
  jobinstancetype: field.string('What the command made or works on'),
  jobinstanceid: field.string('The id of what the command made or works on'),
  created: field.date('When the call was made'),
  completed: field.date('When the job ended'),
};

/** Response objects of jobs. `resultOf`: what is told of a row's result; by default all but its secrets. */
export async function presentJobs(
  db: Db | Trx,
  rows: readonly EntityRow<'async_job'>[],
  resultOf: (result: unknown) => unknown = resultWithoutSecrets,
): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  return rows.map((row) => {
    const { account, domainid, domainpath } = owner(row);
    return {
      accountid: row.account_id,
      account,
      domainid,
      domainpath,
      userid: row.user_id,
      cmd: row.command,
      jobid: row.id,
      jobstatus: row.status,
      jobprocstatus: 0,
      jobresultcode: row.result_code,
      jobresulttype: 'object',
      jobresult: resultOf(row.result),
      jobinstancetype: row.instance_type,
      jobinstanceid: row.instance_id,
      created: row.created,
      completed: row.completed,
    };
  });
}
