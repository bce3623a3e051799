// queryAsyncJobResult and listAsyncJobs.
import { listCommand, syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { jobFields, presentJobs } from './response.ts';
import { openedResult } from './sealed-result.ts';

/** How a job stands. */
export const queryAsyncJobResult = syncCommand({
  name: 'queryAsyncJobResult',
  description: 'Tells how a job stands, and its result',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { jobid: p.entity('async_job').required('The job') },
  responseKey: null,
  responseFields: jobFields,
  handler: async ({ db, orchestration }, { jobid }) => {
    const [job = {}] = await presentJobs(db, [jobid], (result) => openedResult(result, orchestration));
    return job;
  },
});

/** The jobs that are not done. */
export const listAsyncJobs = listCommand({
  name: 'listAsyncJobs',
  description: 'Lists jobs that are in progress, or with startdate all since then',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'async_job',
  parameters: { startdate: p.date.optional('List jobs made since this date') },
  responseKey: 'asyncjobs',
  responseFields: jobFields,
  keywordColumns: ['command'],
  order: ['created desc'],
  filter: (query, { startdate }) =>
    startdate === undefined
      ? query.where('async_job.status', '=', 0)
      : query.where('async_job.created', '>=', startdate),
  present: ({ db }, rows) => presentJobs(db, rows),
});
