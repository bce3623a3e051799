// The folder of Debian packages that builds share. A file is used only where its SHA-256 is that of the lock.
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { CommandError, type Host } from '@isthmus/host';
import { fileDigest } from '../file-digest.ts';
import { ImageBuildError, PackageGoneError } from '../image-build-error.ts';
import type { DebianLock, LockedPackage } from './lock.ts';
import { type DebianSource, readDebianSources } from './sources.ts';

const minutes = 60_000;

/** SHA-256 of a file in lower-case hexadecimal; null where it is absent. */
async function sha256OfFile(path: string): Promise<string | null> {
  try {
    return (await fileDigest(path)).sha256;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Where a package lies in the cache. */
function cachedPath(cache: string, { name, version, architecture }: LockedPackage): string {
  return `${cache}/${name}_${encodeURIComponent(version)}_${architecture}.deb`;
}

/** Mirrors that may have the package: those of its own archive first. */
function mirrorsOf({ archive }: LockedPackage, sources: readonly DebianSource[]): string[] {
  const own = sources.filter(({ suite }) => suite === archive);
  return [...new Set([...own, ...sources].map(({ uri }) => uri))];
}

/** How apt's downloader says that a mirror answers and has no such file. */
const absentThere = /\b(?:404|410)\s+(?:Not Found|Gone)|File not found/i;

/**
 * By apt's own downloader, which knows the machine's proxies and checks the hash. Null where it is in `target`; else
 * whether the mirror has no such file (`absent`) or could not be read, in apt's words.
 */
async function fetchFrom(
  host: Host,
  mirror: string,
  entry: LockedPackage,
  target: string,
): Promise<{ readonly absent: boolean; readonly words: string } | null> {
  const url = `${mirror}/${entry.path.replaceAll('~', '%7e')}`;
  try {
    await host.commands.run('/usr/lib/apt/apt-helper', ['download-file', url, target, `SHA256:${entry.sha256}`], {
      timeoutMs: 10 * minutes,
    });
    return null;
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === null || error.timedOut) throw error;
    const words = /^E: .*$/m.exec(error.stderr)?.[0] ?? error.message;
    return { absent: absentThere.test(words), words };
  }
}

async function fetchPackage(host: Host, cache: string, entry: LockedPackage, sources: readonly DebianSource[]) {
  const partial = `${cache}/.${randomUUID()}.partial`;
  const unread: string[] = [];
  try {
    for (const mirror of mirrorsOf(entry, sources)) {
      const failure = await fetchFrom(host, mirror, entry, partial);
      if (failure === null) {
        await rename(partial, cachedPath(cache, entry));
        return;
      }
      if (!failure.absent) unread.push(failure.words);
    }
  } finally {
    await rm(partial, { force: true });
  }
  const what = `package ${entry.name} ${entry.version}`;
  if (unread.length > 0) throw new ImageBuildError(`${what} cannot be fetched:\n  ${unread.join('\n  ')}`);
  throw new PackageGoneError(
    `${what}: no mirror of this machine has it any more, and ${cache} has no copy. To build from what the mirror has ` +
      'today: npm run image -- ROLE --lock current; to write the locks of this checkout anew: npm run image -- --update-lock',
  );
}

/**
 * Sees to it that each package lies in the cache with the lock's bytes; answers with their paths in the same order. The
 * network is used only for what is missing. Throws PackageGoneError that names a package which no mirror has,
 * ImageBuildError where a mirror could not be asked.
 */
export async function cachePackages(
  host: Host,
  cache: string,
  packages: DebianLock['packages'],
  say: (words: string) => void,
): Promise<string[]> {
  await mkdir(cache, { recursive: true });
  const hashes = await Promise.all(packages.map((entry) => sha256OfFile(cachedPath(cache, entry))));
  const missing = packages.filter(({ sha256 }, index) => hashes[index] !== sha256);
  if (missing.length > 0) {
    const sources = await readDebianSources(host.files);
    for (const [index, entry] of missing.entries()) {
      say(`${index + 1} of ${missing.length}: ${entry.name}`);
      await fetchPackage(host, cache, entry, sources);
    }
  }
  return packages.map((entry) => cachedPath(cache, entry));
}
