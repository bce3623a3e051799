import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import {
  type ApplianceManifest,
  type Architecture,
  bootLoaderPackages,
  debianRelease,
  installersOnly,
  kernelPackage,
} from '@isthmus/appliances';
import type { Host } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';
import { type Apt, type DebianFile, openApt } from './apt.ts';
import { type LockedPackage, lockPath, lockText } from './lock.ts';

/** A package of the lock from what apt said of it. Throws ImageBuildError where it comes from none of the sources. */
function lockedPackage(file: DebianFile, use: LockedPackage['use'], { sources }: Pick<Apt, 'sources'>): LockedPackage {
  const source = sources.find(({ uri }) => file.url.startsWith(`${uri}/pool/`));
  const [name, version, architecture] = decodeURIComponent(file.file)
    .replace(/\.deb$/, '')
    .split('_');
  if (source === undefined || name === undefined || version === undefined) {
    throw new ImageBuildError(`${file.url}: expected a package of one of this machine's Debian sources`);
  }
  return {
    name,
    version,
    architecture: architecture === 'all' ? 'all' : 'amd64',
    use,
    archive: source.suite,
    path: decodeURIComponent(file.url.slice(source.uri.length + 1)),
    bytes: file.bytes,
    sha256: file.sha256,
  };
}

async function packagesOf(apt: Apt, manifest: ApplianceManifest): Promise<LockedPackage[]> {
  const { packages, without, debugPackages } = manifest;
  const kernel = await apt.resolve([kernelPackage], [...installersOnly, 'kmod']);
  const boot = [...kernel, ...(await apt.filesOf(bootLoaderPackages))];
  const root = await apt.resolve(packages, without);
  const debug = debugPackages.length === 0 ? [] : await apt.resolve([...packages, ...debugPackages], without);
  const known = new Set(root.map(({ file }) => file));
  return [
    ...boot.map((file) => lockedPackage(file, 'boot', apt)),
    ...root.map((file) => lockedPackage(file, 'root', apt)),
    ...debug.filter(({ file }) => !known.has(file)).map((file) => lockedPackage(file, 'debug', apt)),
  ];
}

/**
 * Text of a lock for each manifest, in their order, from what this machine's mirror has today. Throws ImageBuildError
 * where the mirror does not answer.
 */
export async function currentLocks(
  host: Host,
  manifests: readonly ApplianceManifest[],
  architecture: Architecture,
): Promise<string[]> {
  const texts: string[] = [];
  const folder = await mkdtemp(`${tmpdir()}/isthmus-apt-`);
  try {
    const apt = await openApt(host, folder, architecture);
    for (const manifest of manifests) {
      const { role } = manifest;
      const packages = await packagesOf(apt, manifest);
      const head = { schema: 1, role, architecture, release: debianRelease, sourceDateEpoch: apt.archiveDate } as const;
      texts.push(lockText({ ...head, packages }));
    }
    return texts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the committed lock of each role anew, from what this machine's mirror has today. */
export async function updateLocks(
  host: Host,
  manifests: readonly ApplianceManifest[],
  architecture: Architecture,
): Promise<void> {
  const texts = await currentLocks(host, manifests, architecture);
  for (const [index, { role }] of manifests.entries()) {
    await host.files.writeText(lockPath(role, architecture), texts[index] ?? '');
  }
}
