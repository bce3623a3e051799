// An installer: a CD-ROM that starts by BIOS and UEFI, writes an appliance's disk to the machine's own, and switches it
// off. By it any hypervisor's own tools make the appliance on a disk of theirs, such as Packer (definitions.ts).
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';
import type { Host } from '@isthmus/host';
import { fileDigest } from '../file-digest.ts';
import { cpioArchive } from '../tree/cpio.ts';
import { walkTree } from '../tree/walk.ts';

const minutes = 60_000;
const mebibyte = 1024 * 1024;
const marker = '/isthmus/virtual-bytes';
const modules = ['iso9660', 'search_fs_file', 'linux', 'boot'];

/** What an installer is made of; all paths are absolute. */
export interface InstallerParts {
  /** Folder of GRUB's modules, `usr/lib/grub` of its packages. */
  readonly grub: string;
  readonly kernel: string;
  /** The appliance's own, which has busybox and the drivers of disks. */
  readonly initramfs: Buffer;
  readonly raw: string;
  readonly virtualBytes: number;
  /** Seconds since 1970, the date of all files. */
  readonly epoch: number;
}

async function bootImages(host: Host, { grub }: InstallerParts, folder: string, env: Record<string, string>) {
  const configuration = `${folder}/grub.cfg`;
  // Not `quiet`: who watches a failing build has the console alone.
  const commandLine = 'console=tty0 console=ttyS0,115200 loglevel=4 net.ifnames=0';
  await writeFile(
    configuration,
    `search.file ${marker} root\nlinux /boot/vmlinuz ${commandLine}\ninitrd /boot/initrd\nboot\n`,
  );
  const mkimage = async (platform: string, output: string, more: readonly string[]) => {
    const parts = ['-d', `${grub}/${platform.replace('-eltorito', '')}`, '-p', '/boot', '-c', configuration];
    await host.commands.run('grub-mkimage', ['-O', platform, ...parts, '-o', output, ...more, ...modules], { env });
  };
  await mkimage('i386-pc-eltorito', `${folder}/tree/boot/bios.img`, ['biosdisk']);
  await mkimage('x86_64-efi', `${folder}/bootx64.efi`, ['part_gpt']);
  const fat = `${folder}/tree/boot/efi.img`;
  await host.commands.run('mkfs.fat', ['--invariant', '-F', '12', '-n', 'ISTHMUSEFI', '-C', fat, '2880'], { env });
  await host.commands.run('mmd', ['-i', fat, '::/EFI', '::/EFI/BOOT'], { env });
  await host.commands.run('mcopy', ['-i', fat, `${folder}/bootx64.efi`, '::/EFI/BOOT/BOOTX64.EFI'], { env });
}

/** Writes the installer to `output`; `folder` is taken for what lies between, and removed. The same parts give the same bytes. */
export async function writeInstaller(host: Host, parts: InstallerParts, folder: string, output: string): Promise<void> {
  const { epoch } = parts;
  const env = { SOURCE_DATE_EPOCH: String(epoch), TZ: 'UTC', MTOOLS_SKIP_CHECK: '1' };
  const tree = `${folder}/tree`;
  await mkdir(`${tree}/boot`, { recursive: true });
  await mkdir(`${tree}/isthmus`);
  await bootImages(host, parts, folder, env);
  await copyFile(parts.kernel, `${tree}/boot/vmlinuz`);
  const init = await readFile(fileURLToPath(new URL('init', import.meta.url)));
  // A second archive behind the first: its /init takes the place of the appliance's.
  const overlay = cpioArchive([{ name: 'init', type: 'file', mode: 0o755, data: init }], epoch);
  await writeFile(`${tree}/boot/initrd`, Buffer.concat([parts.initramfs, overlay]));
  await pipeline(
    createReadStream(parts.raw, { highWaterMark: mebibyte }),
    createGzip({ level: 6, chunkSize: mebibyte }),
    createWriteStream(`${tree}/isthmus/disk.raw.gz`),
  );
  const { sha256 } = await fileDigest(`${tree}/isthmus/disk.raw.gz`);
  await writeFile(`${tree}/isthmus/SHA256SUMS`, `${sha256}  disk.raw.gz\n`);
  await writeFile(tree + marker, `${parts.virtualBytes}\n`);
  for (const { path, kind } of await walkTree(tree)) {
    await chmod(tree + path, kind === 'folder' ? 0o755 : 0o644);
    await utimes(tree + path, epoch, epoch);
  }
  await utimes(tree, epoch, epoch);
  const bios = [
    '-b',
    'boot/bios.img',
    '-no-emul-boot',
    '-boot-load-size',
    '4',
    '-boot-info-table',
    '--grub2-boot-info',
  ];
  const uefi = ['-eltorito-alt-boot', '-e', 'boot/efi.img', '-no-emul-boot'];
  const options = ['-as', 'mkisofs', '-quiet', '-V', 'ISTHMUS_INSTALL', '-R', '-J', '-uid', '0', '-gid', '0'];
  const args = ['-no_rc', ...options, ...bios, ...uefi, '-o', output, tree];
  await host.commands.run('xorriso', args, { env, timeoutMs: 10 * minutes });
  await rm(folder, { recursive: true });
}
