import { chmod, copyFile, mkdir, symlink } from 'node:fs/promises';
import type { ApplianceManifest } from '@isthmus/appliances';
import type { Host } from '@isthmus/host';
import { cpioOfTree } from './cpio.ts';
import { normaliseModes, writeImageFiles } from './files.ts';
import { installModules } from './modules.ts';

/** What a busybox can do, by its own list. */
export async function busyboxApplets(host: Host, busybox: string): Promise<string[]> {
  const { stdout } = await host.commands.run(busybox, ['--list']);
  return stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
}

/**
 * Makes the initramfs in `folder` and answers with its archive, not compressed: whoever boots it unpacks it faster than
 * any of the formats, and the formats of the disk are compressed themselves.
 */
export async function buildInitramfs(
  host: Host,
  manifest: ApplianceManifest,
  from: { readonly busybox: string; readonly modules: string },
  folder: string,
  mtime: number,
): Promise<Buffer> {
  await mkdir(`${folder}/bin`, { recursive: true });
  for (const path of ['etc', 'lib', 'mnt', 'proc', 'root', 'run', 'sys', 'tmp']) await mkdir(`${folder}/${path}`);
  await symlink('bin', `${folder}/sbin`);
  await copyFile(from.busybox, `${folder}/bin/busybox`);
  await chmod(`${folder}/bin/busybox`, 0o755);
  for (const name of await busyboxApplets(host, from.busybox)) await symlink('busybox', `${folder}/bin/${name}`);
  await installModules(host, from.modules, manifest.initramfs.modules, folder);
  await normaliseModes(folder);
  await writeImageFiles(folder, manifest.initramfs.files);
  return await cpioOfTree(folder, mtime);
}
