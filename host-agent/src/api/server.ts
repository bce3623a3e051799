// The host agent's API: HTTP with JSON bodies (schemas in packages/contract/src/host-api.ts), on whatever it listens.
import { TunnelsSchema, validator } from '@isthmus/contract';
import Fastify, { type FastifyInstance } from 'fastify';
import { HostAgentError } from '../errors.ts';
import type { HostAgent } from '../host-agent.ts';
import { serveAppliances } from './appliance-routes.ts';
import { checked, idOf, sendError } from './check.ts';
import { serveConsoles } from './console-routes.ts';
import { serveImages } from './image-routes.ts';
import { serveIncoming } from './incoming-routes.ts';
import { serveInstances } from './instance-routes.ts';
import { serveTunnels } from './tunnel.ts';

/** A full push of 10,000 entries of each kind is about 20 MB. */
const bodyLimitBytes = 64 * 1024 * 1024;

const tunnelsValidator = validator(TunnelsSchema);

/** An API without paths: JSON bodies, errors as HostError. */
export function createApp(): FastifyInstance {
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
  return app;
}

/** Makes the whole API; it does not listen yet. `exit` is asked to end the process, after the answer has gone out. */
export function createServer(agent: HostAgent, exit: () => void): FastifyInstance {
  const app = createApp();
  app.addHook('onRequest', async (request) => {
    if (request.method !== 'GET') agent.refuseWhileRemoving();
  });
  app.get('/v1/host', () => agent.report());
  serveAppliances(app, agent);
  serveInstances(app, agent);
  serveImages(app, agent);
  serveIncoming(app, agent);
  serveConsoles(app, agent.consoles);
  app.put('/v1/tunnels', async (request, reply) => {
    await agent.setTunnels(checked(tunnelsValidator, request.body, 'tunnels'));
    return reply.code(204).send();
  });
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
  const endTunnels = serveTunnels(app.server, agent, () => true);
  app.addHook('preClose', async () => endTunnels());
  return app;
}
