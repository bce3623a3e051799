// The page of a console, served as the orchestrator serves it, for proxies that a test names; and an answer to resume.
import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { ResumeAnswer, ResumeRequest } from '@isthmus/contract';
import { createHost } from '@isthmus/host';
import { consoleAssets, serveConsoleAssets } from '@isthmus/orchestrator/api/console-assets';
import { contentSecurityPolicy, renderConsolePage } from '@isthmus/orchestrator/api/console-page';
import Fastify from 'fastify';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

export interface PageServer {
  readonly origin: string;
  /** Of the next page that is loaded. */
  proxies: readonly { readonly id: string; readonly socket: string }[];
  /** True: the page has to ask for a further token. */
  extra: boolean;
  /** Answers POST /console/resume; null: it breaks the connection. */
  resume: (request: ResumeRequest) => ResumeAnswer | null;
  /** The address of a console. */
  url(ticket: string, fields?: Readonly<Record<string, string>>): string;
  close(): Promise<void>;
}

/** Builds the page where its sources changed, and serves it on a free port of the loopback address. */
export async function startPageServer(): Promise<PageServer> {
  await createHost().commands.run(process.execPath, [`${checkout}/setup/bundle-web.mjs`], { timeoutMs: 60_000 });
  const assets = consoleAssets(`${checkout}/dist/web`);
  const files = await assets();
  if (files === null) throw new Error('the page was not built');
  const fastify = Fastify({ logger: false, forceCloseConnections: true });
  const zoneId = randomUUID();
  serveConsoleAssets(fastify, assets);
  fastify.get('/console/:zone', async (_request, reply) => {
    const proxies = server.proxies.map(({ id, socket }) => ({ id, socket, takesSessions: true }));
    const content = { zoneId, proxies, extra: server.extra, frameOrigins: [] };
    const nonce = randomBytes(16).toString('base64url');
    const policy = contentSecurityPolicy(content, nonce);
    const html = renderConsolePage(content, files, nonce);
    return reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(html);
  });
  fastify.post<{ Body: ResumeRequest }>('/console/resume', async (request, reply) => {
    const answer = server.resume(request.body);
    if (answer !== null) return reply.send(answer);
    reply.hijack();
    request.raw.socket.destroy();
    return reply;
  });
  const origin = await fastify.listen({ host: '127.0.0.1', port: 0 });
  const server: PageServer = {
    origin,
    proxies: [],
    extra: false,
    resume: () => ({ state: 'refused', message: 'There is no such session.' }),
    url: (ticket, fields = {}) => `${origin}/console/${zoneId}#${new URLSearchParams({ ticket, ...fields })}`,
    close: () => fastify.close(),
  };
  return server;
}
