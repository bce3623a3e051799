// The API of an appliance's agent (packages/contract/src/agent-api.ts), without a framework: it starts in a VM of one slow
// processor, and has few paths.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import {
  type AgentStatus,
  type BootReport,
  CertificateGrantSchema,
  type HostError,
  RevocationsSchema,
  UpdateSchema,
  validator,
} from '@isthmus/contract';
import type { Log } from '@isthmus/host';
import { OperationRequestError, UnsupportedOperationError } from '../operation-request-error.ts';
import { RefusedError } from '../refused-error.ts';
import { type Certificates, GrantRefusedError } from './certificates.ts';
import { checkedBody, RequestError } from './request-error.ts';
import type { Route } from './role.ts';
import { UpdateRefusedError, type Updates } from './updates.ts';

/** A full push of 10,000 entries of each kind is about 20 MB. */
const bodyLimitBytes = 64 * 1024 * 1024;
const statusOf: Record<HostError['code'], number> = { invalid: 400, 'not-found': 404, conflict: 423, failed: 500 };

const grantValidator = validator(CertificateGrantSchema);
const revocationsValidator = validator(RevocationsSchema);
const updateValidator = validator(UpdateSchema);

/** What the API serves: what every appliance has, and the routes of its kind (role.ts). */
export interface ApplianceApi {
  readonly status: () => Promise<AgentStatus>;
  readonly route: (name: string) => Route | undefined;
  readonly certificates: Pick<Certificates, 'request' | 'grant' | 'revoke'>;
  readonly bootReport: () => Promise<BootReport>;
  readonly updates: Pick<Updates, 'report' | 'take'>;
  readonly log: Log;
}

/** An answer: its body, or none (204). */
type Handler = (api: ApplianceApi, body: unknown) => Promise<unknown>;

const handlers: Readonly<Record<string, Handler>> = {
  'GET /v1/status': ({ status }) => status(),
  'POST /v1/certificate/request': ({ certificates }) => certificates.request(),
  'PUT /v1/certificate': ({ certificates }, body) => certificates.grant(checkedBody(grantValidator, body)),
  'PUT /v1/revocations': ({ certificates }, body) => certificates.revoke(checkedBody(revocationsValidator, body)),
  'GET /v1/boot': ({ bootReport }) => bootReport(),
  'GET /v1/update': ({ updates }) => updates.report(),
  'PUT /v1/update': async ({ updates }, body) => {
    await updates.take(checkedBody(updateValidator, body));
  },
};

function routeOf(api: ApplianceApi, name: string): Route | undefined {
  const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
  return handler === undefined ? api.route(name) : (body) => handler(api, body);
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
    const route = routeOf(api, name);
    if (route === undefined) throw new RequestError('not-found', `${name}: expected a path of this API`);
    send(response, 200, await route(await readBody(request)));
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
