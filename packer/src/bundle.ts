import { stat } from 'node:fs/promises';
import { build, type Metafile } from 'esbuild';
import { ImageBuildError } from './image-build-error.ts';

/** `require`, which CommonJS packages in an ES module ask for. */
const banner = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";

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
