// A client of the API: signs, calls, waits for jobs. The demo, the CLI and the tests call as any client would.
import { request } from 'node:http';
import { sign } from './signature.ts';

/** Where and as whom to call. */
export interface ApiProfile {
  /** Such as http://127.0.0.1:8080/client/api. */
  readonly endpoint: string;
  readonly apiKey: string;
  readonly secretKey: string;
}

/** The API answered with an error. */
export class ApiCallError extends Error {
  readonly errorcode: number;

  constructor(command: string, errorcode: number, errortext: string) {
    super(`${command}: ${errortext} (${errorcode})`);
    this.name = 'ApiCallError';
    this.errorcode = errorcode;
  }
}

/** An object of an answer. */
export type ApiObject = Readonly<Record<string, unknown>>;
/** Values of a call; undefined ones are not sent, lists are joined by commas, lists of objects become a map. */
export type ApiValues = Readonly<
  Record<string, ApiValue | readonly ApiValue[] | readonly Record<string, ApiValue>[] | undefined>
>;
type ApiValue = string | number | boolean;

function flattened(values: ApiValues): [string, string][] {
  return Object.entries(values).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    if (!Array.isArray(value)) return [[name, String(value)]];
    if (typeof value[0] !== 'object') return [[name, value.join(',')]];
    return value.flatMap((item: Record<string, ApiValue>, index) =>
      Object.entries(item).map(([key, text]): [string, string] => [`${name}[${index}].${key}`, String(text)]),
    );
  });
}

interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

function post(endpoint: string, body: string, timeoutMs: number): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(Buffer.byteLength(body)),
    };
    const call = request(endpoint, { method: 'POST', headers, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
      });
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`${endpoint}: no answer within ${timeoutMs} ms`)));
    call.on('error', reject);
    call.end(body);
  });
}

function isObject(value: unknown): value is ApiObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object inside the envelope. Throws ApiCallError where it is an error. */
function opened(command: string, { status, text }: HttpAnswer): ApiObject {
  const parsed: unknown = JSON.parse(text);
  const content = isObject(parsed) ? Object.values(parsed)[0] : undefined;
  if (!isObject(content)) throw new ApiCallError(command, status, `unexpected answer ${text.slice(0, 200)}`);
  if (content.errorcode !== undefined) {
    throw new ApiCallError(command, Number(content.errorcode), String(content.errortext));
  }
  return content;
}

/** Options of a call. */
export interface CallOptions {
  /** How long a job may take. Default 10 minutes. */
  readonly timeoutMs?: number;
  /** Told while a job runs. */
  readonly onWait?: (jobId: string, elapsedMs: number) => void;
}

/** One user's client. */
export interface ApiClient {
  /** Sends a call and gives what is inside the envelope. Throws ApiCallError. */
  call(command: string, values?: ApiValues): Promise<ApiObject>;
  /** As `call`, and where the answer is a job waits for its result. Throws ApiCallError where the job fails. */
  run(command: string, values?: ApiValues, options?: CallOptions): Promise<ApiObject>;
  /** The objects of a list command; empty where there are none. */
  list(command: string, values?: ApiValues): Promise<ApiObject[]>;
}

async function waitForJob(client: ApiClient, command: string, jobId: string, options: CallOptions): Promise<ApiObject> {
  const started = Date.now();
  const timeoutMs = options.timeoutMs ?? 600_000;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const job = await client.call('queryAsyncJobResult', { jobid: jobId });
    const result = isObject(job.jobresult) ? job.jobresult : {};
    if (job.jobstatus === 1) return result;
    if (job.jobstatus === 2) throw new ApiCallError(command, Number(result.errorcode), String(result.errortext));
    const elapsedMs = Date.now() - started;
    if (elapsedMs > timeoutMs) throw new ApiCallError(command, 0, `job ${jobId} takes longer than ${timeoutMs} ms`);
    options.onWait?.(jobId, elapsedMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** A client that signs with a user's keys (version 3, valid for ten minutes). */
export function createApiClient(profile: ApiProfile): ApiClient {
  const client: ApiClient = {
    call: async (command, values = {}) => {
      const parameters = new Map([
        ['command', command],
        ['response', 'json'],
        ['apiKey', profile.apiKey],
        ['signatureVersion', '3'],
        ['expires', new Date(Date.now() + 600_000).toISOString().replace(/\.\d+Z$/, 'Z')],
        ...flattened(values),
      ]);
      const body = new URLSearchParams([...parameters, ['signature', sign(parameters, profile.secretKey)]]);
      return opened(command, await post(profile.endpoint, body.toString(), 120_000));
    },
    run: async (command, values = {}, options = {}) => {
      const answer = await client.call(command, values);
      return typeof answer.jobid === 'string' ? waitForJob(client, command, answer.jobid, options) : answer;
    },
    list: async (command, values = {}) => {
      const answer = await client.call(command, values);
      const found = Object.values(answer).find(Array.isArray);
      return Array.isArray(found) ? found.filter(isObject) : [];
    },
  };
  return client;
}
