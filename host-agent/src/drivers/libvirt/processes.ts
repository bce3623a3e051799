// QEMU's processes on this host, as /proc shows them: what runs for certain, whatever libvirtd knows or does not know.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function wordsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It has ended since.
    return [];
  }
}

function networkOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}

function pids(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

/** The domain that a QEMU was started for by libvirt; null where the words are no such command line. */
function domainOf(words: readonly string[]): string | null {
  if (!/(?:^|\/)qemu-[^/]*$/.test(words[0] ?? '')) return null;
  return /^guest=([^,]+)/.exec(words[words.indexOf('-name') + 1] ?? '')?.[1] ?? null;
}

/** Process ids by the domain's name, of the QEMUs in a network namespace (`net:[…]`, as /proc/PID/ns/net names it). */
export function qemuProcesses(network: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const pid of pids()) {
    const name = domainOf(wordsOf(pid));
    if (name !== null && networkOf(pid) === network) found.set(name, [...(found.get(name) ?? []), Number(pid)]);
  }
  return found;
}

/** True while a virsh(1) that has `path` among its arguments lives: one that a killed host agent left, too. */
export function isVirshBusyWith(path: string): boolean {
  return pids().some((pid) => {
    const words = wordsOf(pid);
    return words.includes(path) && words.some((word) => /(?:^|\/)virsh$/.test(word));
  });
}
