// The disk in the formats that hypervisors read, all by qemu-img from the raw disk.
import { CommandError, type Host } from '@isthmus/host';
import { ImageBuildError } from '../image-build-error.ts';

const minutes = 60_000;

/** Formats that an image can be asked in. */
export const diskFormats = ['raw', 'qcow2', 'vhd', 'vhdx', 'vmdk', 'ova', 'iso'] as const;
export type DiskFormat = (typeof diskFormats)[number];
/** Those that qemu-img writes; an OVA is an archive (ova.ts), `iso` the installer (installer/). */
type QemuFormat = Exclude<DiskFormat, 'ova' | 'iso'>;

/** qemu-img's own name of a format, and how it writes it. */
const converters: Readonly<Record<Exclude<QemuFormat, 'raw'>, { driver: string; args: readonly string[] }>> = {
  // zstd is read by QEMU 5.1 and newer, and is a third of zlib's time.
  qcow2: { driver: 'qcow2', args: ['-c', '-o', 'compression_type=zstd'] },
  // Without force_size the size is rounded to a geometry of cylinders, which Hyper-V and XenServer do not need.
  vhd: { driver: 'vpc', args: ['-o', 'subformat=dynamic,force_size=on'] },
  vhdx: { driver: 'vhdx', args: ['-o', 'subformat=dynamic'] },
  vmdk: { driver: 'vmdk', args: ['-o', 'subformat=streamOptimized,adapter_type=lsilogic'] },
};

/** qemu-img's name of a format. */
export function driverOf(format: QemuFormat): string {
  return format === 'raw' ? 'raw' : converters[format].driver;
}

/** Runs qemu-img. Throws ImageBuildError with its own words. */
export async function qemuImg(host: Host, args: readonly string[]): Promise<string> {
  try {
    return (await host.commands.run('qemu-img', args, { timeoutMs: 10 * minutes })).stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new ImageBuildError(`qemu-img ${args[0]} failed: ${error.stderr.trim() || error.message}`, { cause: error });
  }
}

/** Writes the raw disk in another format. */
export async function convertDisk(
  host: Host,
  raw: string,
  format: Exclude<QemuFormat, 'raw'>,
  output: string,
): Promise<void> {
  const { driver, args } = converters[format];
  await qemuImg(host, ['convert', '-m', '4', '-f', 'raw', '-O', driver, ...args, raw, output]);
}
