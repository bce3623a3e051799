import type { ApplianceManifest, Architecture } from '@isthmus/appliances';
import type { Host } from '@isthmus/host';
import { PackageGoneError } from '../image-build-error.ts';
import { cachePackages } from './cache.ts';
import { readLock } from './lock.ts';
import { currentLocks } from './update-lock.ts';

/**
 * The lock that an image can be built from on this machine: null, which is the committed one, where its packages are in
 * the cache or on a mirror; else the text of one of what the mirror has today. Fetches the packages. Throws ImageBuildError
 * where no mirror answers.
 */
export async function availableLock(
  host: Host,
  manifest: ApplianceManifest,
  architecture: Architecture,
  cache: string,
): Promise<string | null> {
  const { lock } = await readLock(host.files, manifest.role, architecture);
  try {
    const packages = lock.packages.filter(({ use }) => use !== 'debug');
    await cachePackages(host, cache, packages, () => {});
    return null;
  } catch (error) {
    if (!(error instanceof PackageGoneError)) throw error;
    const [text] = await currentLocks(host, [manifest], architecture);
    return text ?? null;
  }
}
