import { stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import type { ImageService } from '@isthmus/appliances';
import { build, type Metafile, type Plugin } from 'esbuild';
import { ImageBuildError } from './image-build-error.ts';

/** Those that no snapshot can hold (snapshot.ts): they are loaded when something of them is used. */
const lateModules = new Set(['node:http', 'node:http2', 'node:https', 'node:tls']);

/** A module of Node. What `Object.create` gives hands each name on, also to the copies that esbuild makes of a module. */
function nodeModuleText(path: string, isLate: boolean): string {
  const load = `process.getBuiltinModule('${path}')`;
  if (!isLate) return `module.exports = ${load};`;
  return `
    let loaded;
    const late = new Proxy({}, { get: (_, name) => (loaded ??= ${load})[name] });
    module.exports = Object.create(late, { __esModule: { value: false } });
  `;
}

/**
 * Node's own modules without `import`: where a module is imported, Node makes a copy of all that it exports, and calls its
 * getters for that. Those of node:http load the whole of fetch, which costs a router under emulation half a second.
 */
const nodeModules = (snapshot: boolean): Plugin => ({
  name: 'node-modules',
  setup: ({ onResolve, onLoad }) => {
    const namespace = 'node-module';
    onResolve({ filter: /^[a-z]/ }, ({ path }) => {
      const name = path.startsWith('node:') ? path : `node:${path}`;
      return isBuiltin(name) ? { path: name, namespace } : null;
    });
    onLoad({ filter: /.*/, namespace }, ({ path }) => ({
      contents: nodeModuleText(path, snapshot && lateModules.has(path)),
    }));
  },
});

/** A service in one file, and esbuild's account of what went in. */
export interface ServiceBundle {
  readonly bytes: Uint8Array;
  readonly metafile: Metafile;
}

/**
 * Bundles a service and all that it imports; its entry is a path below `root`. Writes nothing. Throws ImageBuildError where
 * the entry is absent or does not bundle.
 */
export async function bundleService(root: string, { entry, snapshot }: ImageService): Promise<ServiceBundle> {
  const path = `${root}/${entry}`;
  if ((await stat(path).catch(() => null)) === null)
    throw new ImageBuildError(`${entry}: the service's entry is absent`);
  try {
    const { metafile, outputFiles } = await build({
      entryPoints: [path],
      outfile: 'service.mjs',
      write: false,
      absWorkingDir: root,
      bundle: true,
      platform: 'node',
      target: 'node24',
      // Neither a module nor CommonJS: the same file is an agent by itself, and what a snapshot is taken of.
      format: 'iife',
      banner: { js: "'use strict';" },
      // Scripts beside a module are of checkouts alone.
      define: { 'import.meta.url': "'file:///'" },
      plugins: [nodeModules(snapshot)],
      // Lines stay short enough to be named by a stack trace; what is not read is not compiled.
      minifyWhitespace: true,
      minifySyntax: true,
      lineLimit: 160,
      metafile: true,
      legalComments: 'eof',
      logLevel: 'silent',
    });
    const [output] = outputFiles;
    if (output === undefined) throw new Error('esbuild made no file');
    return { bytes: output.contents, metafile };
  } catch (error) {
    throw new ImageBuildError(`${entry} does not bundle: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
