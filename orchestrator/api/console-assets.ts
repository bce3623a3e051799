// Files of the page of a console, as setup/web.mjs leaves them in dist/web/console: names that change with the content,
// packed in advance. They are read once and served from memory, so that no path of a request ever reaches the disk.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** ISTHMUS_WEB, else dist/web below `checkout` (an absolute path): the folder of pages. */
export function webFolder(env: NodeJS.ProcessEnv, checkout: string): string {
  return resolve(env.ISTHMUS_WEB ?? join(checkout, 'dist', 'web'));
}

/** Where browsers find the files. */
export const assetsPath = '/console/assets';

const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;
const types: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
};

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly packed: ReadonlyMap<string, Buffer>;
}

/** The page's files. `script`, `style`, `notices`: their addresses. */
export interface ConsoleAssets {
  readonly script: string;
  readonly style: string;
  readonly notices: string;
  readonly files: ReadonlyMap<string, Asset>;
}

interface Manifest {
  readonly script: string;
  readonly style: string;
  readonly notices: string;
  readonly files: readonly string[];
}

async function readAsset(folder: string, name: string): Promise<Asset> {
  const packed = encodings.map(
    async ([encoding, ending]) => [encoding, await readFile(join(folder, `${name}${ending}`))] as const,
  );
  const type = types[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
  return { type, plain: await readFile(join(folder, name)), packed: new Map(await Promise.all(packed)) };
}

async function readAssets(folder: string): Promise<ConsoleAssets> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const files = manifest.files.map(async (name) => [name, await readAsset(folder, name)] as const);
  const at = (name: string) => `${assetsPath}/${name}`;
  const { script, style, notices } = manifest;
  return { script: at(script), style: at(style), notices: at(notices), files: new Map(await Promise.all(files)) };
}

/** Gives the files of `<web>/console`; null where they were not built. What was read once is kept. */
export function consoleAssets(web: string): () => Promise<ConsoleAssets | null> {
  let kept: ConsoleAssets | null = null;
  return async () => {
    try {
      kept ??= await readAssets(join(web, 'console'));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
    return kept;
  };
}

/** The encoding to answer in; null: none. */
function encodingOf(request: FastifyRequest): 'br' | 'gzip' | null {
  const accepted = String(request.headers['accept-encoding'] ?? '')
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => !/;\s*q=0(?:\.0*)?$/.test(entry))
    .map((entry) => entry.split(';')[0]?.trim());
  return encodings.map(([name]) => name).find((name) => accepted.includes(name)) ?? null;
}

/** Adds GET /console/assets/NAME. */
export function serveConsoleAssets(server: FastifyInstance, assets: () => Promise<ConsoleAssets | null>): void {
  server.get<{ Params: { name: string } }>(`${assetsPath}/:name`, async (request, reply) => {
    const asset = (await assets())?.files.get(request.params.name);
    reply.header('x-content-type-options', 'nosniff').header('cross-origin-resource-policy', 'same-origin');
    if (asset === undefined) {
      return reply.code(404).header('cache-control', 'no-store').type('text/plain').send('There is no such file\n');
    }
    const encoding = encodingOf(request);
    reply.header('cache-control', 'public, max-age=31536000, immutable').header('vary', 'Accept-Encoding');
    if (encoding !== null) reply.header('content-encoding', encoding);
    return reply.type(asset.type).send(encoding === null ? asset.plain : asset.packed.get(encoding));
  });
}
