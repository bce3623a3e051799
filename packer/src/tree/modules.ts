// Modules of the kernel: which of them an image gets, and in which order they depend on each other.
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { KernelModules } from '@isthmus/appliances';
import type { Host } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';

/** Lists that depmod needs besides the modules themselves. */
const lists = ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'];

/** A file of modules.dep below `kernel/`, and the files that have to be loaded before it. */
export type ModuleDependencies = ReadonlyMap<string, readonly string[]>;

/** Reads modules.dep (depmod(8)): `kernel/a.ko: kernel/b.ko kernel/c.ko`. */
export function parseModulesDep(text: string): ModuleDependencies {
  const lines = text.split('\n').filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => {
      const [file = '', needs = ''] = line.split(':');
      return [file, needs.split(' ').filter((need) => need !== '')] as const;
    }),
  );
}

function nameOf(file: string): string {
  return basename(file, '.ko').replaceAll('-', '_');
}

/**
 * Files of the wanted modules and of those that they depend on, sorted. A name that is built into the kernel needs no
 * file. Throws ImageBuildError where the kernel has no such module or folder.
 */
export function selectModules(
  wanted: KernelModules,
  dependencies: ModuleDependencies,
  builtIn: ReadonlySet<string>,
): string[] {
  const files = Array.from(dependencies.keys());
  const chosen = wanted.flatMap((pattern) => {
    const found = pattern.endsWith('/')
      ? files.filter((file) => file.startsWith(`kernel/${pattern}`))
      : files.filter((file) => nameOf(file) === pattern.replaceAll('-', '_'));
    if (found.length === 0 && !builtIn.has(pattern.replaceAll('-', '_'))) {
      throw new ImageBuildError(`kernel module ${JSON.stringify(pattern)}: expected one that the kernel has`);
    }
    return found;
  });
  return [...new Set(chosen.flatMap((file) => [file, ...(dependencies.get(file) ?? [])]))].sort();
}

/** The kernel's version: the one folder below /lib/modules. */
export async function kernelVersion(tree: string): Promise<string> {
  const versions = await readdir(`${tree}/usr/lib/modules`);
  const [version] = versions;
  if (version === undefined || versions.length > 1) {
    throw new ImageBuildError(`expected the packages to hold one kernel, found ${versions.length}`);
  }
  return version;
}

/** Copies the wanted modules of `from` (a folder `usr/lib/modules/VERSION`) below `root`, and lists them by depmod. */
export async function installModules(
  host: Host,
  from: string,
  wanted: KernelModules,
  root: string,
): Promise<readonly string[]> {
  const version = basename(from);
  const builtInLines = (await readFile(`${from}/modules.builtin`, 'utf8')).split('\n');
  const dependencies = parseModulesDep(await readFile(`${from}/modules.dep`, 'utf8'));
  const files = selectModules(wanted, dependencies, new Set(builtInLines.map(nameOf)));
  const target = `${root}/lib/modules/${version}`;
  await Promise.all(
    [...new Set(files.map(dirname))].map((folder) => mkdir(`${target}/${folder}`, { recursive: true })),
  );
  await mkdir(target, { recursive: true });
  await Promise.all([...files, ...lists].map((file) => copyFile(`${from}/${file}`, `${target}/${file}`)));
  await host.commands.run('depmod', ['-b', root, version]);
  return files;
}
