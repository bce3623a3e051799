import { stat } from 'node:fs/promises';
import { build, type Metafile } from 'esbuild';
import { ImageBuildError } from './image-build-error.ts';

/** `require`, which CommonJS packages in an ES module ask for. */
const banner = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";

/**
 * Bundles a service and all that it imports into one file; answers with esbuild's account of what went in. Throws
 * ImageBuildError where the entry is absent or does not bundle.
 */
export async function bundleService(root: string, entry: string, output: string): Promise<Metafile> {
  const path = `${root}/${entry}`;
  if ((await stat(path).catch(() => null)) === null)
    throw new ImageBuildError(`${entry}: the service's entry is absent`);
  try {
    const { metafile } = await build({
      entryPoints: [path],
      outfile: output,
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
    return metafile;
  } catch (error) {
    throw new ImageBuildError(`${entry} does not bundle: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
