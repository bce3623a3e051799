// The host agent's API: HTTP with JSON bodies over a Unix socket (schemas in packages/contract/src/host-api.ts).
import { ApplianceStateSchema, EntryIdSchema, type HostError, type Validator, validator } from '@isthmus/contract';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { applianceValidator } from './appliances.ts';
import { HostAgentError, PushRefusedError } from './errors.ts';
import type { HostAgent } from './host-agent.ts';
import { instanceValidator } from './instances.ts';

const statusOf: Record<HostError['code'], number> = { invalid: 400, 'not-found': 404, conflict: 423, failed: 500 };

const idValidator = validator(EntryIdSchema);
const stateValidator = validator(ApplianceStateSchema);

/** A full push of 10,000 entries of each kind is about 20 MB. */
const bodyLimitBytes = 64 * 1024 * 1024;

function valueAt(body: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => {
    return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }, body);
}

/** A value that fits the validator's schema. Throws HostAgentError (`invalid`) with field, value and expectation. */
function checked<Value>(check: Validator<Value>, body: unknown, what: string): Value {
  if (check.check(body)) return body;
  const faults = check.faults(body).map(({ path, message }) => {
    const value = path === '' ? body : valueAt(body, path);
    const shown = typeof value === 'object' ? '' : ` ${JSON.stringify(value)?.slice(0, 100) ?? ''}`;
    return `${path === '' ? what : path}${shown}: ${message}`;
  });
  throw new HostAgentError('invalid', faults.join('; '));
}

function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  return checked(idValidator, id, 'id');
}

async function sendError(error: unknown, reply: FastifyReply): Promise<void> {
  if (error instanceof PushRefusedError) {
    await reply.code(409).send(error.refusal);
    return;
  }
  const known = error instanceof HostAgentError ? error : asHostAgentError(error);
  const { code, message, detail } = known;
  const body: HostError = detail === undefined ? { code, message } : { code, message, detail };
  await reply.code(statusOf[code]).send(body);
}

/** Fastify's own errors carry a status: below 500 the request was at fault. */
function asHostAgentError(error: unknown): HostAgentError {
  const message = error instanceof Error ? error.message : String(error);
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  return new HostAgentError(status < 500 ? 'invalid' : 'failed', message, { cause: error });
}

function serveAppliances(app: FastifyInstance, { appliances }: HostAgent): void {
  const { machines } = appliances;
  app.get('/v1/appliances', () => appliances.list());
  app.get('/v1/appliances/:id', (request) => appliances.report(idOf(request)));
  app.put('/v1/appliances/:id', async (request) => {
    await machines.put(idOf(request), checked(applianceValidator, request.body, 'appliance'));
    return appliances.report(idOf(request));
  });
  app.delete('/v1/appliances/:id', async (request, reply) => {
    await machines.delete(idOf(request));
    return reply.code(204).send();
  });
  for (const step of ['start', 'stop', 'reboot'] as const) {
    app.post(`/v1/appliances/:id/${step}`, async (request) => {
      await machines[step](idOf(request));
      return appliances.report(idOf(request));
    });
  }
  // Its shape is the agent's to check, which names the paths of the document.
  app.post('/v1/appliances/:id/push', (request) => appliances.push(idOf(request), request.body));
  app.get('/v1/appliances/:id/status', (request) => appliances.status(idOf(request)));
  app.get('/v1/appliances/:id/state', (request) => appliances.exportState(idOf(request)));
  app.put('/v1/appliances/:id/state', async (request, reply) => {
    await appliances.importState(idOf(request), checked(stateValidator, request.body, 'state'));
    return reply.code(204).send();
  });
}

function serveInstances(app: FastifyInstance, { instances }: HostAgent): void {
  const { machines } = instances;
  app.get('/v1/instances', () => instances.list());
  app.get('/v1/instances/:id', (request) => instances.report(idOf(request)));
  app.put('/v1/instances/:id', async (request) => {
    await machines.put(idOf(request), checked(instanceValidator, request.body, 'instance'));
    return instances.report(idOf(request));
  });
  app.delete('/v1/instances/:id', async (request, reply) => {
    await machines.delete(idOf(request));
    return reply.code(204).send();
  });
  for (const step of ['start', 'stop', 'reboot'] as const) {
    app.post(`/v1/instances/:id/${step}`, async (request) => {
      await machines[step](idOf(request));
      return instances.report(idOf(request));
    });
  }
}

/** Makes the server; it does not listen yet. `exit` is asked to end the process, after the answer has gone out. */
export function createServer(agent: HostAgent, exit: () => void): FastifyInstance {
  const app = Fastify({ logger: false, bodyLimit: bodyLimitBytes });
  // A POST without a body may come with any content type or none.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? null : JSON.parse(String(body)));
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      done(new HostAgentError('invalid', 'body: expected JSON', { cause: error, detail }));
    }
  });
  app.setErrorHandler((error, _request, reply) => sendError(error, reply));
  app.setNotFoundHandler((request, reply) =>
    sendError(new HostAgentError('not-found', `${request.method} ${request.url}: expected a path of this API`), reply),
  );
  app.addHook('onRequest', async (request) => {
    if (request.method !== 'GET') agent.refuseWhileRemoving();
  });
  app.get('/v1/host', () => agent.report());
  serveAppliances(app, agent);
  serveInstances(app, agent);
  app.delete('/v1/segments/:id', async (request, reply) => {
    await agent.segments.remove(idOf(request));
    return reply.code(204).send();
  });
  app.delete('/v1/everything', async (_request, reply) => {
    await agent.removeEverything();
    return reply.code(204).send();
  });
  app.post('/v1/exit', async (_request, reply) => {
    reply.raw.once('finish', exit);
    return reply.code(204).send();
  });
  return app;
}
