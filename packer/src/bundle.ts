import { stat } from 'node:fs/promises';
import { build, type Metafile, type Plugin } from 'esbuild';
import { ImageBuildError } from './image-build-error.ts';

/** `require`, which CommonJS packages in an ES module ask for. */
const banner = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";

/**
 * Node's own modules by `require`: where a module is imported, Node makes a copy of all that it exports, and calls its
 * getters for that. Those of node:http load the whole of fetch, which costs a router under emulation half a second.
 */
const nodeModules: Plugin = {
  name: 'node-modules',
  setup: ({ onResolve, onLoad }) => {
    const namespace = 'node-module';
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace } : { path, external: true },
    );
    onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: `module.exports = require('${path}');` }));
  },
};

/** A service in one file, and esbuild's account of what went in. */
export interface ServiceBundle {
  readonly bytes: Uint8Array;
  readonly metafile: Metafile;
}

/**
 * Bundles a service and all that it imports; `entry` is a path below `root`. Writes nothing. Throws ImageBuildError where
 * the entry is absent or does not bundle.
 */
export async function bundleService(root: string, entry: string): Promise<ServiceBundle> {
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
      format: 'esm',
      banner: { js: banner },
      plugins: [nodeModules],
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
