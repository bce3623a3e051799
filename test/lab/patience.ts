// Calls by a client that outlives the orchestrator: it waits where nobody answers, and asks for its jobs again.
import { ApiCallError, type ApiClient, type ApiObject, type ApiValues } from '@isthmus/api-client';

/** How a call came out. `unknown`: the orchestrator died before it answered, so that nobody told. */
export type Outcome =
  | { readonly kind: 'done'; readonly result: ApiObject }
  | { readonly kind: 'failed'; readonly errorcode: number; readonly message: string }
  | { readonly kind: 'unknown' };

const pauseMs = 50;
const patienceMs = 60_000;

/** Repeats a call that only reads until somebody answers. Throws ApiCallError, and after a minute what kept it. */
export async function askUntilAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof ApiCallError || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** As `ApiClient.run`, over the death and the next start of the orchestrator. */
export async function runThroughCrashes(client: ApiClient, command: string, values: ApiValues): Promise<Outcome> {
  try {
    const answer = await client.call(command, values);
    if (typeof answer.jobid !== 'string') return { kind: 'done', result: answer };
    return await jobOutcome(client, answer.jobid);
  } catch (error) {
    if (!(error instanceof ApiCallError)) return { kind: 'unknown' };
    return { kind: 'failed', errorcode: error.errorcode, message: error.message };
  }
}

async function jobOutcome(client: ApiClient, jobid: string): Promise<Outcome> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const job = await askUntilAnswered(() => client.call('queryAsyncJobResult', { jobid }));
    const result = typeof job.jobresult === 'object' && job.jobresult !== null ? (job.jobresult as ApiObject) : {};
    if (job.jobstatus === 1) return { kind: 'done', result };
    if (job.jobstatus === 2) {
      return { kind: 'failed', errorcode: Number(result.errorcode), message: String(result.errortext) };
    }
    if (performance.now() > end) throw new Error(`job ${jobid} (${job.cmd}) does not end`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
