// The HTTP server of the API.
import cookie from '@fastify/cookie';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { rootCaller } from '../commands/caller.ts';
import type { Caller, Command } from '../commands/declaration.ts';
import { createDispatcher, type Dispatcher, type JobQueuePort } from '../commands/dispatch.ts';
import { ApiError } from '../commands/errors.ts';
import { faultOf } from '../commands/fault.ts';
import type { Orchestration } from '../commands/orchestration.ts';
import type { Db } from '../store/database.ts';
import type { Log } from '../store/log.ts';
import { type Answer, type Format, failure, success } from './answer.ts';
import { authenticate, credentialsMissing } from './authenticate.ts';
import { type Call, readCall } from './call.ts';
import { serveConsolePage } from './console-page.ts';
import { serveConsoleResume } from './console-resume.ts';
import { type Bundles, serveDiagnostics } from './diagnostics-route.ts';
import { createLoginLimiter, type LoginLimiter } from './login-limiter.ts';
import { serveMetrics } from './metrics.ts';
import { logIn, logOut } from './session-cookies.ts';

export interface ApiDependencies {
  /** Bundles of diagnostics, which are handed out by their links. Absent: none. */
  readonly bundles?: Bundles;
  /** Folder of the pages for browsers. Absent: none. */
  readonly web?: string;
  readonly db: Db;
  readonly orchestration: Orchestration;
  readonly commands: readonly Command[];
  readonly queue: JobQueuePort;
  readonly log: Log;
  /** Pushes sent to routers since start, for /metrics. */
  readonly pushes?: () => number;
}

/** The API, not yet listening: `listen({host, port})`, `close()`, `server.address()`. */
export type ApiServer = FastifyInstance;

interface Parts extends ApiDependencies {
  readonly dispatcher: Dispatcher;
  readonly limiter: LoginLimiter;
  readonly authenticate: (call: Call, request: FastifyRequest) => Promise<Caller | null>;
}

function formatOf(call: Call | null): Format {
  return call?.parameters.get('response')?.toLowerCase() === 'json' ? 'json' : 'xml';
}

function requestCall(request: FastifyRequest): Call {
  const start = request.url.indexOf('?');
  return readCall(start < 0 ? '' : request.url.slice(start + 1), typeof request.body === 'string' ? request.body : '');
}

/** What the log and the answer need to know of a call, also where it fails half way. */
interface Course {
  call: Call | null;
  caller: Caller | null;
  command: Command | null;
  /** Name for the envelope of an error; null where no command has the name. */
  envelope: string | null;
}

async function respond(parts: Parts, request: FastifyRequest, reply: FastifyReply, course: Course): Promise<Answer> {
  const call = requestCall(request);
  course.call = call;
  const name = call.parameters.get('command');
  if (name === undefined || name === '') throw new ApiError('malformed', 'Invalid request, no command sent');
  const open = isAnonymous(parts, name);
  course.envelope = knownName(parts, name);
  course.caller = open ? null : await parts.authenticate(call, request);
  if (course.caller === null && !open) throw credentialsMissing();
  const command = parts.dispatcher.find(name, course.caller);
  course.command = command;
  if (command.postOnly === true && request.method !== 'POST') {
    throw new ApiError('methodNotAllowed', `Command ${command.name} takes a POST request: its parameters are secret`);
  }
  const run = () => parts.dispatcher.run(command, course.caller, call.parameters);
  if (command.name === 'login')
    return success(formatOf(call), command.name, await logIn(parts, request, reply, call, run));
  if (command.name === 'logout') await logOut(parts.db, request, reply, call);
  return success(formatOf(call), command.name, await run());
}

function knownName(parts: Parts, name: string): string | null {
  return parts.commands.find((command) => command.name.toLowerCase() === name.toLowerCase())?.name ?? null;
}

function isAnonymous(parts: Parts, name: string): boolean {
  return parts.commands.some(
    (command) => command.name.toLowerCase() === name.toLowerCase() && command.roles.includes('anonymous'),
  );
}

async function handle(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const started = performance.now();
  const course: Course = { call: null, caller: null, command: null, envelope: null };
  let answer: Answer;
  try {
    answer = await respond(parts, request, reply, course);
  } catch (error) {
    const fault = faultOf(error, course.caller?.role ?? null);
    if (!(error instanceof ApiError)) parts.log.error('call failed', { command: course.command?.name, error });
    answer = failure(formatOf(course.call), course.envelope, fault);
  }
  // Never the query: it holds keys, signatures and passwords.
  parts.log.info('call', {
    command: course.command?.name ?? null,
    account: course.caller?.accountName ?? null,
    code: answer.status,
    durationMs: Math.round((performance.now() - started) * 10) / 10,
  });
  await reply.code(answer.status).headers(answer.headers).header('content-type', answer.contentType).send(answer.body);
}

function build(parts: Parts): ApiServer {
  const server = Fastify({
    logger: false,
    // User data of 1,048,576 characters of Base64, some of them escaped as three.
    bodyLimit: 2 * 1_048_576,
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    // Clients sign long queries: user data by GET. Who sends slowly, or nothing, does not keep a connection for long.
    http: { maxHeaderSize: 65_536, headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    routerOptions: { ignoreTrailingSlash: true },
  });
  server.register(cookie);
  server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  server.route({
    method: ['GET', 'POST'],
    url: '/client/api',
    handler: (request, reply) => handle(parts, request, reply),
  });
  if (parts.web !== undefined) serveConsolePage(server, parts.db, parts.web);
  serveConsoleResume(server, parts);
  if (parts.bundles !== undefined) serveDiagnostics(server, parts.bundles);
  server.get('/healthz', async (_request, reply) => {
    await parts.db.selectNoFrom((builder) => builder.lit(1).as('one')).execute();
    return reply.send({ status: 'ok' });
  });
  serveMetrics(server, parts.db, parts.pushes ?? (() => 0));
  server.setNotFoundHandler(async (_request, reply) =>
    reply
      .code(404)
      .type('text/plain')
      .send('Isthmus: the API is at /client/api, its health at /healthz, its metrics at /metrics\n'),
  );
  server.setErrorHandler(async (error: Error & { statusCode?: number }, _request, reply) => {
    const kind = (error.statusCode ?? 500) < 500 ? 'malformed' : 'internal';
    const answer = failure('xml', null, faultOf(new ApiError(kind, error.message, { cause: error }), null));
    return reply
      .code(error.statusCode ?? 500)
      .header('content-type', answer.contentType)
      .send(answer.body);
  });
  return server;
}

/** The public API: signatures and sessions. */
export function createApiServer(deps: ApiDependencies): ApiServer {
  return build({
    ...deps,
    dispatcher: createDispatcher(deps),
    limiter: createLoginLimiter(),
    authenticate: (call, request) =>
      authenticate(deps.db, call, {
        cookie: request.cookies.JSESSIONID,
        origin: request.headers.origin,
        host: request.headers.host,
        address: request.ip,
      }),
  });
}

/** The integration API (`integration.api.port`): every call is root admin's. Listens on the loopback address alone. */
export function createIntegrationServer(deps: ApiDependencies): ApiServer {
  return build({
    ...deps,
    dispatcher: createDispatcher(deps),
    limiter: createLoginLimiter(),
    // A browser on this machine reaches the port too: not for pages of other sites, nor by a name that leads here
    // (DNS rebinding).
    authenticate: async (_call, { headers }) => {
      const isLoopback = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(headers.host ?? '');
      const isBrowser = headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none';
      return isLoopback && !isBrowser ? rootCaller(deps.db) : null;
    },
  });
}
