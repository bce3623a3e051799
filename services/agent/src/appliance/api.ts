// The API of an appliance's agent (packages/contract/src/agent-api.ts), without a framework: it starts in a VM of one slow
// processor, and has few paths.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import {
  ApplianceStateSchema,
  type BootReport,
  CertificateGrantSchema,
  type HostError,
  RevocationsSchema,
  UpdateSchema,
  type Validator,
  validator,
} from '@isthmus/contract';
import type { Log } from '@isthmus/host';
import { type Agent, UnsupportedOperationError } from '../agent.ts';
import { carryOut, OperationRequestError } from '../operations.ts';
import { RefusedError } from '../refused-error.ts';
import { type Certificates, GrantRefusedError } from './certificates.ts';
import { UpdateRefusedError, type Updates } from './updates.ts';

/** A full push of 10,000 entries of each kind is about 20 MB. */
const bodyLimitBytes = 64 * 1024 * 1024;
const statusOf: Record<HostError['code'], number> = { invalid: 400, 'not-found': 404, conflict: 423, failed: 500 };

const stateValidator = validator(ApplianceStateSchema);
const grantValidator = validator(CertificateGrantSchema);
const revocationsValidator = validator(RevocationsSchema);
const updateValidator = validator(UpdateSchema);

/** What the API serves. */
export interface ApplianceApi {
  readonly agent: Pick<Agent, 'push' | 'status' | 'exportState' | 'importState' | 'operate'>;
  readonly certificates: Pick<Certificates, 'request' | 'grant' | 'revoke'>;
  readonly bootReport: () => Promise<BootReport>;
  readonly updates: Pick<Updates, 'report' | 'take'>;
  readonly log: Log;
}

class RequestError extends Error {
  readonly code: HostError['code'];

  constructor(code: HostError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RequestError';
    this.code = code;
  }
}

/** An answer: its body, or none (204). */
type Handler = (api: ApplianceApi, body: unknown) => Promise<unknown>;

/** A value that fits. The values themselves are not repeated: a grant may hold what is nobody's to read. */
function checked<Value>(check: Validator<Value>, body: unknown): Value {
  if (check.check(body)) return body;
  const faults = check.faults(body).map(({ path, message }) => `${path === '' ? 'body' : path}: ${message}`);
  throw new RequestError('invalid', faults.join('; '));
}

const handlers: Readonly<Record<string, Handler>> = {
  'GET /v1/status': ({ agent }) => agent.status(),
  // Its shape is the agent's to check, which names the paths of the document.
  'POST /v1/push': ({ agent }, body) => agent.push(body),
  'GET /v1/state': ({ agent }) => agent.exportState(),
  'PUT /v1/state': ({ agent }, body) => agent.importState(checked(stateValidator, body)),
  'POST /v1/certificate/request': ({ certificates }) => certificates.request(),
  'PUT /v1/certificate': ({ certificates }, body) => certificates.grant(checked(grantValidator, body)),
  'PUT /v1/revocations': ({ certificates }, body) => certificates.revoke(checked(revocationsValidator, body)),
  'GET /v1/boot': ({ bootReport }) => bootReport(),
  'GET /v1/update': ({ updates }) => updates.report(),
  'PUT /v1/update': async ({ updates }, body) => {
    await updates.take(checked(updateValidator, body));
  },
};

const operationPath = 'POST /v1/operations/';

function handlerOf(name: string): Handler | undefined {
  if (name.startsWith(operationPath)) {
    return ({ agent }, body) => carryOut(agent, name.slice(operationPath.length), body);
  }
  return Object.hasOwn(handlers, name) ? handlers[name] : undefined;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bodyLimitBytes) throw new RequestError('invalid', `body: expected at most ${bodyLimitBytes} bytes`);
    parts.push(part);
  }
  if (bytes === 0) return null;
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (cause) {
    throw new RequestError('invalid', 'body: expected JSON', { cause });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (body === undefined) {
    response.writeHead(204).end();
    return;
  }
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, headers).end(text);
}

function codeOf(error: unknown): HostError['code'] {
  if (error instanceof RequestError || error instanceof OperationRequestError) return error.code;
  if (error instanceof UnsupportedOperationError) return 'not-found';
  return error instanceof GrantRefusedError || error instanceof UpdateRefusedError ? 'invalid' : 'failed';
}

function sendError(response: ServerResponse, error: unknown, log: Log): void {
  if (error instanceof RefusedError) {
    send(response, 409, error.refusal);
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (code === 'failed') log.error('a request failed', { error });
  const body: HostError = { code, message };
  send(response, statusOf[code], body);
}

async function answer(api: ApplianceApi, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?', 1);
  const name = `${request.method} ${path}`;
  try {
    const handler = handlerOf(name);
    if (handler === undefined) throw new RequestError('not-found', `${name}: expected a path of this API`);
    send(response, 200, await handler(api, await readBody(request)));
  } catch (error) {
    // What is left of a body that nobody reads would be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    sendError(response, error, api.log);
  }
}

/** Listener of the control server. */
export function createApi(api: ApplianceApi): RequestListener {
  return (request, response) => {
    void answer(api, request, response).catch((error: unknown) => {
      api.log.error('an answer could not be sent', { error });
      response.destroy();
    });
  };
}
