// The boot partition: a FAT file system with the kernel, the initramfs and GRUB for UEFI; and GRUB's parts for a BIOS.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Host } from '@isthmus/host';
import { sectorBytes } from './gpt.ts';

const mebibyte = 1024 * 1024;
/** FAT's volume id; GRUB finds its partition by it. */
const volumeId = '1574A005';

/** What boots the disk. `bootCode` goes into the MBR, `core` to the BIOS boot partition, `fatPath` is the file system. */
export interface BootParts {
  readonly bootCode: Buffer;
  readonly core: Buffer;
  readonly fatPath: string;
  readonly fatBytes: number;
}

/** GRUB's whole configuration, built into it: there is nothing to choose and no file to read. */
function grubConfiguration(commandLine: string): string {
  const id = `${volumeId.slice(0, 4)}-${volumeId.slice(4)}`;
  return `search.fs_uuid ${id} root\nlinux /vmlinuz ${commandLine}\ninitrd /initrd\nboot\n`;
}

const common = ['part_gpt', 'fat', 'search_fs_uuid', 'linux', 'boot'];

/**
 * GRUB for a BIOS: the MBR's code loads the first sector of `core` from `coreSector`, and that one the rest, as the list
 * of blocks at its end says.
 */
export function linkBiosGrub(bootImage: Buffer, coreImage: Buffer, coreSector: number) {
  const bootCode = Buffer.from(bootImage.subarray(0, 440));
  bootCode.writeBigUInt64LE(BigInt(coreSector), 0x5c);
  // Trusts the BIOS with the number of the drive, as grub-install does on hard disks.
  bootCode.set([0x90, 0x90], 0x66);
  const core = Buffer.concat([coreImage, Buffer.alloc((sectorBytes - (coreImage.length % sectorBytes)) % sectorBytes)]);
  core.writeBigUInt64LE(BigInt(coreSector + 1), 500);
  core.writeUInt16LE(core.length / sectorBytes - 1, 508);
  core.writeUInt16LE(0x820, 510);
  return { bootCode, core };
}

/**
 * Makes the parts in `folder`. `grub`: folder of GRUB's modules, `usr/lib/grub` of its packages. `epoch`: seconds since
 * 1970, the date of all files.
 */
export async function buildBootParts(
  host: Host,
  from: {
    readonly grub: string;
    readonly kernel: string;
    readonly initramfs: Buffer;
    readonly commandLine: string;
    readonly epoch: number;
    readonly coreSector: number;
  },
  folder: string,
): Promise<BootParts> {
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/grub.cfg`, grubConfiguration(from.commandLine));
  const env = { SOURCE_DATE_EPOCH: String(from.epoch), TZ: 'UTC', MTOOLS_SKIP_CHECK: '1' };
  const mkimage = async (platform: string, modules: readonly string[], output: string) => {
    const args = ['-O', platform, '-d', `${from.grub}/${platform}`, '-p', '/', '-c', `${folder}/grub.cfg`];
    await host.commands.run('grub-mkimage', [...args, '-o', output, ...modules], { env });
  };
  await mkimage('i386-pc', ['biosdisk', ...common], `${folder}/core.img`);
  await mkimage('x86_64-efi', common, `${folder}/bootx64.efi`);
  const { bootCode, core } = linkBiosGrub(
    await readFile(`${from.grub}/i386-pc/boot.img`),
    await readFile(`${folder}/core.img`),
    from.coreSector,
  );
  const kernel = await readFile(from.kernel);
  await writeFile(`${folder}/initrd`, from.initramfs);
  const fatBytes = Math.ceil((kernel.length + from.initramfs.length + 2 * mebibyte) / mebibyte) * mebibyte;
  const fatPath = `${folder}/boot.fat`;
  const kibibytes = String(fatBytes / 1024);
  await host.commands.run(
    'mkfs.fat',
    ['--invariant', '-F', '16', '-s', '4', '-i', volumeId, '-n', 'ISTHMUSBOOT', '-C', fatPath, kibibytes],
    { env },
  );
  await host.commands.run('mmd', ['-i', fatPath, '::/EFI', '::/EFI/BOOT'], { env });
  for (const [path, name] of [
    [`${folder}/bootx64.efi`, '::/EFI/BOOT/BOOTX64.EFI'],
    [from.kernel, '::/vmlinuz'],
    [`${folder}/initrd`, '::/initrd'],
  ] as const) {
    await host.commands.run('mcopy', ['-i', fatPath, path, name], { env });
  }
  return { bootCode, core, fatPath, fatBytes };
}
