// POST /console/resume: a page whose console proxy is lost comes back. The resume token is the credential, so that no
// cookie is read; the Origin must be one of ours all the same.
import { type ResumeAnswer, ResumeRequestSchema, validator } from '@isthmus/contract';
import type { FastifyInstance } from 'fastify';
import type { ConsoleSessionOrchestration } from '../model/console-orchestration.ts';
import { consoleOrigins } from '../store/console-origin.ts';
import type { Db } from '../store/database.ts';
import { MissCounter } from './miss-counter.ts';

const request = validator(ResumeRequestSchema);

/** A token and a proxy's id. */
const mostBodyBytes = 1_024;

/** Answers ResumeAnswer; 400 for another body, 403 for another Origin, 429 where an address has failed too often. */
export function serveConsoleResume(
  server: FastifyInstance,
  {
    db,
    orchestration,
  }: { readonly db: Db; readonly orchestration: Pick<ConsoleSessionOrchestration, 'resumeConsole'> },
): void {
  const misses = new MissCounter();
  server.post('/console/resume', { bodyLimit: mostBodyBytes }, async ({ headers, ip, body }, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    const refuse = (status: number, message: string) => {
      const answer: ResumeAnswer = { state: 'refused', message };
      return reply.code(status).send(answer);
    };
    const { all } = await consoleOrigins(db);
    const { origin } = headers;
    if (origin === undefined || !all.includes(origin)) return refuse(403, 'This page may not open consoles.');
    const wait = misses.waitSeconds(ip);
    if (wait > 0) {
      reply.header('retry-after', wait);
      // Others of that address did it: a page that has a session asks on.
      const answer: ResumeAnswer = { state: 'again', seconds: wait };
      return reply.code(429).send(answer);
    }
    if (!/^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '') || !request.check(body)) {
      return refuse(400, 'Expected the resume token of a console session, as JSON.');
    }
    const answer = await orchestration.resumeConsole({ request: body, origin, clientAddress: ip });
    if (answer.state === 'refused') misses.missed(ip);
    return reply.send(answer);
  });
}
