// Which accelerator VMs get. Opening /dev/kvm proves nothing: there are machines where it opens and guests hang. So a
// guest is booted: the firmware, and a boot sector that says that it was reached.
import { writeFile } from 'node:fs/promises';
import { CommandError, type CommandRunner, type Host } from '@isthmus/host';
import type { Accelerator } from './domain.ts';

/** What the boot sector writes to QEMU's isa-debug-exit device; QEMU ends with twice that and one. */
const answer = 0x10;
const exitCode = answer * 2 + 1;

/** `mov al, answer; out 0xf4, al; hlt; jmp` back to it, in 16-bit code, and the signature that firmware looks for. */
function bootSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set([0xb0, answer, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

const limitMs = 5000;

/**
 * True where a guest reaches its boot sector with this accelerator within `timeoutMs` (default 5000). `directory` is
 * absolute and holds the boot sector for that time.
 */
export async function runsGuests(
  commands: CommandRunner,
  accelerator: Accelerator,
  directory: string,
  timeoutMs = limitMs,
): Promise<boolean> {
  const sector = `${directory}/boot-sector.img`;
  await writeFile(sector, bootSector());
  const args = [
    ...['-accel', accelerator, '-machine', 'pc', '-m', '16', '-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none', '-nic', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'],
    ...['-drive', `file=${sector},format=raw,if=ide,snapshot=on`],
  ];
  try {
    await commands.run('qemu-system-x86_64', args, { timeoutMs, okCodes: [exitCode] });
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
