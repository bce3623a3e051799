// How a call was refused.
import { ApiCallError, type ApiClient, type ApiValues } from '@isthmus/api-client';

/** Error code and text of a refused call; code 0 and the answer where it was not refused. */
export interface Refusal {
  readonly code: number;
  readonly text: string;
}

/** Tells how a call ended: with `run` the job's end is waited for, with `call` an async command is done when it answers. */
export async function outcome(
  client: ApiClient,
  command: string,
  values: ApiValues = {},
  how: 'run' | 'call' = 'run',
): Promise<Refusal> {
  try {
    return { code: 0, text: JSON.stringify(await client[how](command, values)) };
  } catch (error) {
    if (error instanceof ApiCallError) return { code: error.errorcode, text: error.message };
    throw error;
  }
}
