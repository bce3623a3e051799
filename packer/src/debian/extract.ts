// The packages' files, unpacked by mmdebstrap from a repository that holds exactly the locked packages.
import { constants, copyFile, link, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { debianRelease } from '@isthmus/appliances';
import { CommandError, type Host } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';
import type { LockedPackage } from './lock.ts';

const minutes = 60_000;

/** A line of shell for mmdebstrap: the links of a merged /usr, before anything is unpacked through them. */
const mergedUsr =
  'for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name" && ln -s "usr/$name" "$1/$name" || exit 1; done';

/** Killed with all that it started: mmdebstrap's children would go on writing. */
const alone = ['--pid', '--fork', '--kill-child', '--mount-proc', '--'];

/** A paragraph of the repository's list. No dependencies: the lock has them all, and those left out are meant to be. */
function paragraph({ name, version, architecture, bytes, sha256 }: LockedPackage, file: string): string {
  return `Package: ${name}
Version: ${version}
Architecture: ${architecture}
Multi-Arch: foreign
Maintainer: lock
Description: locked
Filename: ./${file}
Size: ${bytes}
SHA256: ${sha256}
`;
}

/** A hard link, or a copy where the cache lies on another file system. */
async function place(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}

/** A repository of these packages in `folder`; `paths` are their files in the same order. */
async function writeRepository(
  folder: string,
  packages: readonly LockedPackage[],
  paths: readonly string[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all(paths.map((path) => place(path, `${folder}/${basename(path).replaceAll('%', '_')}`)));
  const paragraphs = packages.map((entry, index) =>
    paragraph(entry, basename(paths[index] ?? '').replaceAll('%', '_')),
  );
  await writeFile(`${folder}/Packages`, paragraphs.join('\n'));
}

/**
 * Unpacks the packages into `target`, which must not exist. No script of a package runs, and nothing is configured: what
 * an image needs of that its manifest says. `work` is a folder for the repository, removed at the end.
 */
export async function extractPackages(
  host: Host,
  packages: readonly LockedPackage[],
  paths: readonly string[],
  target: string,
  work: string,
): Promise<void> {
  await writeRepository(work, packages, paths);
  const args = [
    ...['--mode=root', '--variant=extract', '--format=directory', '--quiet'],
    `--setup-hook=${mergedUsr}`,
    '--skip=cleanup/apt,cleanup/reproducible,check/empty',
    '--aptopt=APT::Sandbox::User "root"',
    `--include=${packages.map(({ name, version }) => `${name}=${version}`).join(',')}`,
    ...[debianRelease, target, `deb [trusted=yes] copy:${work} ./`],
  ];
  try {
    await host.commands.run('unshare', [...alone, 'mmdebstrap', ...args], { timeoutMs: 10 * minutes });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const words = error.stderr.trim().split('\n').slice(-6).join('\n  ');
    throw new ImageBuildError(`mmdebstrap failed:\n  ${words}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
