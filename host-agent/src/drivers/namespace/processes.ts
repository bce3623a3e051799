// Which processes are in which network namespace. Read from /proc in this process: `ip netns pids` takes 10 to 40 ms where
// a few hundred instances run, this 2 to 4 ms for all namespaces at once.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

function linkOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    // It has ended since, or is a thread of the kernel.
    return null;
  }
}

function inodeOf(namespace: string): number | null {
  try {
    return statSync(`/run/netns/${namespace}`).ino;
  } catch {
    return null;
  }
}

/** Process ids in each of the named namespaces; none for a name that leads nowhere. */
export function processesOf(namespaces: readonly string[]): Map<string, number[]> {
  const byLink = Map.groupBy(
    readdirSync('/proc').filter((name) => /^\d+$/.test(name)),
    linkOf,
  );
  return new Map(
    namespaces.map((namespace) => {
      const inode = inodeOf(namespace);
      const pids = inode === null ? [] : (byLink.get(`net:[${inode}]`) ?? []);
      return [namespace, pids.map(Number)];
    }),
  );
}

const daemons = ['busybox', 'dnsmasq', 'udhcpc'];

/** The words of a process's command line; none where it has ended. */
export function wordsOf(pid: string | number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/**
 * Daemons that were started with a file of `state`, in whatever namespace: also in one whose name someone removed, where
 * processesOf finds nothing.
 */
export function daemonsWithFilesOf(state: string): number[] {
  const isOurs = ([program = '', ...args]: string[]) =>
    daemons.includes(program) && args.some((arg) => arg.includes(`${state}/`));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isOurs(wordsOf(name)))
    .map(Number);
}
