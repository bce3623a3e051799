import { access, constants, statfs } from 'node:fs/promises';
import { ImageBuildError } from './image-build-error.ts';

/** Programs that a build runs, and the Debian package of each. */
const programs: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  depmod: 'kmod',
  'dpkg-deb': 'dpkg',
  'grub-mkimage': 'grub-common',
  mcopy: 'mtools',
  'mkfs.erofs': 'erofs-utils',
  'mkfs.fat': 'dosfstools',
  mmdebstrap: 'mmdebstrap',
  'qemu-img': 'qemu-utils',
  unshare: 'util-linux',
  xorriso: 'xorriso',
};
const gibibyte = 1024 ** 3;

async function isProgram(name: string, folders: readonly string[]): Promise<boolean> {
  const tries = folders.map((folder) =>
    access(`${folder}/${name}`, constants.X_OK).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(tries)).includes(true);
}

/** Throws ImageBuildError that names the packages of programs which `path` ($PATH) lacks. */
export async function requirePrograms(path: string): Promise<void> {
  const folders = path.split(':').filter((folder) => folder !== '');
  const names = Object.keys(programs);
  const found = await Promise.all(names.map((name) => isProgram(name, folders)));
  const missing = names.filter((_, index) => found[index] !== true);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => programs[name]))].join(' ');
  throw new ImageBuildError(
    `programs are missing: ${missing.join(', ')}. As root: apt-get install --no-install-recommends ${packages}`,
  );
}

/** Throws ImageBuildError where a folder's file system has less than this free. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const figure = (value: number) => `${(value / gibibyte).toFixed(1)} GiB`;
  throw new ImageBuildError(`${folder} has ${figure(free)} free; a build needs ${figure(bytes)}`);
}
