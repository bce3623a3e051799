// Which accelerator VMs get. Opening /dev/kvm proves nothing: there are machines where it opens and guests hang. So a
// guest is booted as far as a kernel's first steps (boot-probe.ts), with the processor that VMs get.
import { writeFile } from 'node:fs/promises';
import { CommandError, type CommandRunner, type Host } from '@isthmus/host';
import { bootProbeExitCode, bootProbeSector } from './boot-probe.ts';
import type { Accelerator } from './domain.ts';

const limitMs = 5000;

/**
 * True where the guest of boot-probe.ts answers with this accelerator within `timeoutMs` (default 5000). `directory` is
 * absolute and holds the boot sector for that time.
 */
export async function runsGuests(
  commands: CommandRunner,
  accelerator: Accelerator,
  directory: string,
  timeoutMs = limitMs,
): Promise<boolean> {
  const sector = `${directory}/boot-sector.img`;
  await writeFile(sector, bootProbeSector());
  const args = [
    ...['-accel', accelerator, '-cpu', accelerator === 'kvm' ? 'host' : 'max', '-machine', 'pc', '-m', '16'],
    ...['-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none', '-nic', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'],
    ...['-drive', `file=${sector},format=raw,if=ide,snapshot=on`],
  ];
  try {
    await commands.run('qemu-system-x86_64', args, { timeoutMs, okCodes: [bootProbeExitCode] });
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

function isAccelerator(value: string): value is Accelerator {
  return value === 'kvm' || value === 'tcg';
}

/** What the probe finds, or found since the machine was booted: its answer is kept in `directory`. */
export async function probeAccelerator({ commands, files, log }: Host, directory: string): Promise<Accelerator> {
  const bootId = (await files.readText('/proc/sys/kernel/random/boot_id')).trim();
  const path = `${directory}/accelerator`;
  const [knownBootId, known = ''] = (await files.readTextIfExists(path))?.trim().split(' ') ?? [];
  if (knownBootId === bootId && isAccelerator(known)) return known;
  const hasKvm = await files.exists('/dev/kvm');
  const accelerator: Accelerator = hasKvm && (await runsGuests(commands, 'kvm', directory)) ? 'kvm' : 'tcg';
  if (hasKvm && accelerator === 'tcg') {
    log.warn('this machine has KVM, but a guest does not run with it; guests are emulated, which is slow');
  }
  await files.writeText(path, `${bootId} ${accelerator}\n`);
  return accelerator;
}
