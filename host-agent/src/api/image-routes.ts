import { Sha256Schema, validator } from '@isthmus/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { HostAgent } from '../host-agent.ts';
import { checked } from './check.ts';

const sha256Validator = validator(Sha256Schema);

function sizeOf(request: FastifyRequest): number | null {
  const bytes = Number(request.headers['content-length'] ?? 'unknown');
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Paths of /v1/images. The body of a PUT is the image itself, taken as it comes and never held in memory. */
export function serveImages(app: FastifyInstance, agent: HostAgent): void {
  app.get('/v1/images', () => agent.vms().images.list());
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.put('/v1/images/:sha256', { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request, reply) => {
      const { images } = agent.vms();
      const sha256 = checked(sha256Validator, (request.params as { sha256: string }).sha256, 'sha256');
      const isThere = (await images.list()).some((image) => image.sha256 === sha256);
      if (!isThere) await images.store(sha256, request.raw, sizeOf(request));
      return reply.code(204).send();
    });
  });
}
