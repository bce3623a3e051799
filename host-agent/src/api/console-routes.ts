import type { FastifyInstance } from 'fastify';
import { type Consoles, consoleGrantValidator } from '../consoles/consoles.ts';
import { checked, idOf } from './check.ts';

/** PUT and DELETE of /v1/consoles/:id, the orchestrator's. */
export function serveConsoles(app: FastifyInstance, consoles: Consoles): void {
  app.put('/v1/consoles/:id', (request) =>
    consoles.grant(idOf(request), checked(consoleGrantValidator, request.body, 'grant')),
  );
  app.delete('/v1/consoles/:id', async (request, reply) => {
    consoles.revoke(idOf(request));
    return reply.code(204).send();
  });
}
