// The steps of a build, in their order. Each leaves what the next one needs in the build's folder.
import { mkdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import type { Host } from '@isthmus/host';
import type { ImageFileKind, ImageManifest } from '@isthmus/image-manifest';
import type { BuildRequest } from './build-request.ts';
import { cachePackages } from './debian/cache.ts';
import { extractPackages } from './debian/extract.ts';
import { packageStatus } from './debian/package-status.ts';
import { buildBootParts } from './disk/boot-partition.ts';
import { coreSector, type RootParts, writeRawDisk } from './disk/raw-disk.ts';
import { convertDisk } from './export/formats.ts';
import { writeOva } from './export/ova.ts';
import { ImageBuildError } from './image-build-error.ts';
import { nodePackage, readInputs, sha256Of } from './inputs.ts';
import { writeInstaller } from './installer/installer.ts';
import { sbomText } from './sbom.ts';
import { installedPackages } from './sbom-sources.ts';
import { type ImageFileNames, signImage } from './sign.ts';
import { openSigningKey } from './signing-key.ts';
import { checkRoot } from './tree/check-root.ts';
import { openForDebugging } from './tree/debug.ts';
import { buildInitramfs } from './tree/initramfs.ts';
import { kernelVersion } from './tree/modules.ts';
import { buildRoot } from './tree/root.ts';
import { makeWorkspace, publish } from './workspace.ts';

const rootUuid = '1574a005-0000-4000-8000-000000000005';
const minutes = 60_000;

/** A step: `say` tells how far it is. */
export interface BuildStep {
  readonly title: string;
  run(say: (words: string) => void): Promise<void>;
}

/** A build: its steps, to be run in order; `close` removes what is left of it, whatever happened. */
export interface Build {
  readonly steps: readonly BuildStep[];
  readonly result: () => { readonly folder: string; readonly manifest: ImageManifest };
  close(): Promise<void>;
}

/** Makes the read-only root. Not compressed: pages come from the disk as they are, and the disk's formats compress. */
async function makeErofs(host: Host, root: string, output: string, epoch: number): Promise<void> {
  const args = ['-T', String(epoch), '-U', rootUuid, '--all-root', '-x-1', output, root];
  await host.commands.run('mkfs.erofs', args, { timeoutMs: 5 * minutes });
}

function required<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`${what}: expected an earlier step to have made it`);
  return value;
}

/** Prepares a build. Nothing is written before its first step. */
export async function prepareBuild(host: Host, request: BuildRequest): Promise<Build> {
  const { manifest, architecture, checkout, debugKey } = request;
  const { role } = manifest;
  const debug = debugKey !== null;
  if (manifest.root === null && request.formats.includes('iso')) {
    throw new ImageBuildError(`--format iso: ${role} has no installer; expected the image of an appliance`);
  }
  const { lock, lockText, bundle, npm, inputsSha256 } = await readInputs(host.files, request);
  const packages = lock.packages.filter(({ use }) => use !== 'debug' || debug);
  const epoch = lock.sourceDateEpoch;
  const work = await makeWorkspace(request.images);
  const output = `${work}/image`;
  const tree = `${work}/tree`;
  const parts = `${work}/parts`;
  const names: Partial<Record<ImageFileKind, string>> = {};
  let paths: readonly string[] = [];
  let modules = '';
  let initramfs: Buffer | undefined;
  let status = '';
  let virtualBytes: number | undefined;
  let finished: ImageManifest | undefined;

  const takePackages = async (say: (words: string) => void) => {
    paths = await cachePackages(host, request.cache, packages, say);
    status = await packageStatus(host, paths);
  };

  const extract = async () => {
    await extractPackages(host, packages, paths, tree, `${work}/repository`);
    const version = await kernelVersion(tree);
    await mkdir(output);
    await mkdir(`${work}/kernel/lib/modules`, { recursive: true });
    modules = `${work}/kernel/lib/modules/${version}`;
    await rename(`${tree}/usr/lib/modules/${version}`, modules);
    await rename(`${tree}/usr/lib/grub`, `${work}/grub`);
    names.kernel = `${role}.vmlinuz`;
    await rename(`${tree}/boot/vmlinuz-${version}`, `${output}/${names.kernel}`);
    await host.commands.run('depmod', ['-b', `${work}/kernel`, version]);
  };

  const makeInitramfs = async () => {
    const from = { busybox: `${tree}/usr/bin/busybox`, modules };
    initramfs = await buildInitramfs(host, manifest, from, `${work}/initramfs`, epoch);
    names.initrd = `${role}.initrd`;
    await writeFile(`${output}/${names.initrd}`, initramfs);
  };

  const makeRoot = async (say: (words: string) => void) => {
    if (manifest.root === null) return;
    const service = `${work}/${role}.mjs`;
    if (bundle !== null) {
      await writeFile(service, bundle);
      // Appliances that run are given it as an update.
      names.bundle = `${role}.mjs`;
      await writeFile(`${output}/${names.bundle}`, bundle);
    }
    say('puts the root together');
    const node = `${checkout}/node_modules/${nodePackage}/bin/node`;
    await buildRoot(host, manifest, { modules, node, bundle: service, status }, tree);
    if (debugKey !== null) await openForDebugging(tree, debugKey);
    await checkRoot(host, manifest, tree, debug);
    say('writes the file system');
    await makeErofs(host, tree, `${work}/root.erofs`, epoch);
  };

  const makeDisk = async () => {
    const boot = await buildBootParts(
      host,
      {
        grub: `${work}/grub`,
        kernel: `${output}/${required(names.kernel, 'kernel')}`,
        initramfs: required(initramfs, 'initramfs'),
        commandLine: manifest.kernelCommandLine,
        epoch,
        coreSector,
      },
      parts,
    );
    const root: RootParts =
      manifest.root === null ? null : { rootPath: `${work}/root.erofs`, stateBytes: manifest.root.stateBytes };
    names.raw = `${role}.raw`;
    virtualBytes = await writeRawDisk(`${output}/${names.raw}`, boot, root);
  };

  const exportAll = async (say: (words: string) => void) => {
    const { formats } = request;
    const raw = `${output}/${required(names.raw, 'raw disk')}`;
    const wanted = (['qcow2', 'vhd', 'vhdx', 'vmdk'] as const).filter(
      (format) => format === 'qcow2' || formats.includes(format) || (format === 'vmdk' && formats.includes('ova')),
    );
    for (const format of wanted) {
      say(format);
      names[format] = `${role}.${format}`;
      await convertDisk(host, raw, format, `${output}/${names[format]}`);
    }
    if (formats.includes('iso')) {
      say('iso');
      names.iso = `${role}.iso`;
      const from = { grub: `${work}/grub`, kernel: `${output}/${required(names.kernel, 'kernel')}`, raw, epoch };
      const more = { initramfs: required(initramfs, 'initramfs'), virtualBytes: required(virtualBytes, 'raw disk') };
      await writeInstaller(host, { ...from, ...more }, `${work}/installer`, `${output}/${names.iso}`);
    }
    if (!formats.includes('ova')) return;
    say('ova');
    names.ova = `${role}.ova`;
    const vmdk = `${output}/${role}.vmdk`;
    const machine = {
      ...{ name: `isthmus-${role}`, about: manifest.about, version: request.version, ...manifest.requirements },
      virtualBytes: required(virtualBytes, 'raw disk'),
      populatedBytes: (await stat(raw)).blocks * 512,
      networks: role === 'guest' ? ['guest'] : ['guest', 'control', 'public'],
    };
    await writeOva(`${output}/${names.ova}`, vmdk, machine, epoch);
    if (formats.includes('vmdk')) return;
    delete names.vmdk;
    await unlink(vmdk);
  };

  const describe = async () => {
    const { version } = request;
    const hashes = new Map(packages.map(({ name, sha256 }) => [name, sha256]));
    const debian = installedPackages(status, (name) => required(hashes.get(name), name));
    await writeFile(`${output}/${role}.lock`, lockText);
    names.sbom = `${role}.spdx.json`;
    const subject = { role, version, architecture, sourceDateEpoch: epoch };
    await writeFile(`${output}/${names.sbom}`, sbomText(subject, { debian, npm }));
    const facts = {
      ...{ role, version, architecture, sourceDateEpoch: epoch, debug },
      lockSha256: sha256Of(lockText),
      inputsSha256,
      kernelCommandLine: manifest.kernelCommandLine,
      requirements: manifest.requirements,
      disk: { virtualBytes: required(virtualBytes, 'raw disk') },
    };
    finished = await signImage(output, facts, names as ImageFileNames, await openSigningKey(request.keys));
  };

  const folder = `${request.images}/${role}`;
  return {
    steps: [
      { title: 'Debian packages', run: takePackages },
      { title: 'unpack', run: extract },
      { title: 'initramfs', run: makeInitramfs },
      ...(manifest.root === null ? [] : [{ title: 'root', run: makeRoot }]),
      { title: 'disk', run: makeDisk },
      { title: 'formats', run: exportAll },
      { title: 'bill of materials, manifest, signature', run: describe },
      { title: `put in place`, run: () => publish(output, folder) },
    ],
    result: () => ({ folder, manifest: required(finished, 'manifest') }),
    close: () => rm(work, { recursive: true, force: true }),
  };
}
