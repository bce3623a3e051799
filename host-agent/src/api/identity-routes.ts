import {
  CertificateGrantSchema,
  JoinGrantSchema,
  type JoinOffer,
  RevocationsSchema,
  validator,
} from '@isthmus/contract';
import type { FastifyInstance } from 'fastify';
import type { HostAgent } from '../host-agent.ts';
import type { HostCertificates } from '../identity/host-certificates.ts';
import { checked } from './check.ts';
import { createApp } from './server.ts';

const grantValidator = validator(CertificateGrantSchema);
const joinValidator = validator(JoinGrantSchema);
const revocationsValidator = validator(RevocationsSchema);

/** Paths by which a host that has joined gets its next certificate, and hears which are refused. */
export function serveCertificates(app: FastifyInstance, certificates: HostCertificates): void {
  app.post('/v1/certificate/request', () => certificates.request());
  app.put('/v1/certificate', async (request, reply) => {
    await certificates.grant(checked(grantValidator, request.body, 'grant'));
    return reply.code(204).send();
  });
  app.put('/v1/revocations', async (request, reply) => {
    await certificates.revoke(checked(revocationsValidator, request.body, 'revocations'));
    return reply.code(204).send();
  });
}

/** The API of a host that waits to be joined: /v1/join and nothing else. */
export function createJoinApp(agent: HostAgent, certificates: HostCertificates): FastifyInstance {
  const app = createApp();
  app.get(
    '/v1/join',
    async (): Promise<JoinOffer> => ({ request: await certificates.offer(), report: agent.report() }),
  );
  app.put('/v1/join', async (request, reply) => {
    await certificates.join(checked(joinValidator, request.body, 'join'));
    // The token is spent: this connection was its last.
    return reply.code(204).header('connection', 'close').send();
  });
  return app;
}
