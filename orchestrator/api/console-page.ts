// The page of a console, at this API's own origin: HTML for a zone, with the proxies that it may reach and no others.
//
//   GET /console/ZONE           the page; the ticket stands in its fragment, which browsers keep to themselves
//   GET /console/assets/NAME    its files (console-assets.ts)
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isUuid } from '../model/uuid.ts';
import { consoleProxiesOf, consoleSetting, type ReachableConsoleProxy } from '../store/console-proxy.ts';
import type { Db } from '../store/database.ts';
import { type ConsoleAssets, consoleAssets, serveConsoleAssets } from './console-assets.ts';

/** What a page is rendered of. */
export interface ConsolePageContent {
  readonly zoneId: string;
  readonly proxies: readonly ReachableConsoleProxy[];
  /** True: the page has to show the client's own token. */
  readonly extra: boolean;
  /** Origins whose pages may show it in a frame, besides its own. */
  readonly frameOrigins: readonly string[];
}

/** JSON that may stand in a script element: nothing in it can end the element or begin a comment. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** What the page may load and reach: its own files, the API's origin, and exactly the zone's proxies. */
export function contentSecurityPolicy(
  content: Pick<ConsolePageContent, 'proxies' | 'frameOrigins'>,
  nonce: string,
): string {
  const sockets = [...new Set(content.proxies.map(({ socket }) => new URL(socket).origin))];
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    // noVNC draws pictures and pointers from data: and blob:.
    "img-src 'self' data: blob:",
    ["connect-src 'self'", ...sockets].join(' '),
    ["frame-ancestors 'self'", ...content.frameOrigins].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

const head = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Console</title>
<link rel="icon" href="data:,">`;

/** The page's HTML. Proxies that take sessions stand first. */
export function renderConsolePage(content: ConsolePageContent, assets: ConsoleAssets, nonce: string): string {
  const proxies = content.proxies
    .toSorted((left, right) => Number(right.takesSessions) - Number(left.takesSessions))
    .map(({ id, socket }) => ({ id, socket }));
  const data = scriptJson({ zone: content.zoneId, proxies, extra: content.extra });
  return `${head}
<link rel="license" href="${assets.notices}">
<link rel="stylesheet" href="${assets.style}">
<script type="module" src="${assets.script}"></script>
</head>
<body>
<noscript>The console of a machine needs JavaScript, which this browser does not run here.</noscript>
<script type="application/json" id="console-data" nonce="${nonce}">${data}</script>
</body>
</html>
`;
}

/** A page that only says something. The words are this file's own. */
function renderWords(title: string, words: string, assets: ConsoleAssets | null): string {
  const style = assets === null ? '' : `\n<link rel="stylesheet" href="${assets.style}">`;
  return `${head}${style}
</head>
<body>
<main class="stage"><div class="cards"><section class="card"><h1>${title}</h1><p>${words}</p></section></div></main>
</body>
</html>
`;
}

function sendPage(reply: FastifyReply, code: number, html: string, policy: string): FastifyReply {
  return reply
    .code(code)
    .headers({
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    })
    .type('text/html; charset=utf-8')
    .send(html);
}

async function frameOrigins(db: Db): Promise<string[]> {
  const origins = (await consoleSetting(db, 'console.allowed.origins')).split(',').map((origin) => origin.trim());
  return origins.filter((origin) => origin !== '');
}

async function zoneExists(db: Db, id: string): Promise<boolean> {
  if (!isUuid(id)) return false;
  return (await db.selectFrom('zone').select('id').where('id', '=', id).executeTakeFirst()) !== undefined;
}

/** Adds the page and its files, which lie in `<web>/console`. */
export function serveConsolePage(server: FastifyInstance, db: Db, web: string): void {
  const assets = consoleAssets(web);
  serveConsoleAssets(server, assets);
  const quiet =
    "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";
  server.get<{ Params: { zone: string } }>('/console/:zone', async (request, reply) => {
    const found = await assets();
    const zoneId = request.params.zone.toLowerCase();
    if (!(await zoneExists(db, zoneId))) {
      const words =
        'The address names a zone that this cloud does not have. Open the console again from where you came.';
      return sendPage(reply, 404, renderWords('There is no such console', words, found), quiet);
    }
    if (found === null) {
      const words =
        'Its files were not built. An administrator starts Isthmus by npm start, or builds them by npm run bundle:web.';
      return sendPage(reply, 503, renderWords('This page is not there yet', words, null), quiet);
    }
    const nonce = randomBytes(16).toString('base64url');
    const content: ConsolePageContent = {
      zoneId,
      proxies: await consoleProxiesOf(db, zoneId),
      extra: (await consoleSetting(db, 'consoleproxy.extra.security.validation.enabled')).toLowerCase() === 'true',
      frameOrigins: await frameOrigins(db),
    };
    const html = renderConsolePage(content, found, nonce);
    return sendPage(reply, 200, html, contentSecurityPolicy(content, nonce));
  });
}
