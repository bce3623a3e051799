// Where an appliance runs: in a machine of its own, or as a process in a network namespace of its own.
import { readlink } from 'node:fs/promises';
import type { Host } from '@isthmus/host';
import { findOpticalDrives, type ReadDrive, readConfigDrive, readConfigFolder } from './config-drive.ts';
import type { Link } from './network.ts';

/** What differs. */
export interface Place {
  /** Where a config drive may be, absolute. */
  drives(): Promise<readonly string[]>;
  /** Null where none is. Throws ConfigDriveError. */
  readDrive(path: string, now: Date): Promise<ReadDrive | null>;
  /** The NICs. */
  links(host: Pick<Host, 'commands' | 'files'>): Promise<Link[]>;
}

/** A machine of its own: config drives are CD-ROMs. NICs are read without a process, which costs a slow processor 0.1 s. */
export const machinePlace: Place = {
  drives: findOpticalDrives,
  readDrive: readConfigDrive,
  links: async ({ files }) => {
    const names = await files.list('/sys/class/net');
    return Promise.all(
      names.map(async (ifname) => {
        const address = await files.readTextIfExists(`/sys/class/net/${ifname}/address`);
        return address === null ? { ifname } : { ifname, address: address.trim() };
      }),
    );
  },
};

/** A network namespace of its own: the config drive is a folder, and /sys/class/net is perhaps another namespace's. */
export function namespacePlace(folder: string): Place {
  return {
    drives: async () => [folder],
    readDrive: readConfigFolder,
    links: async ({ commands }) => {
      const { stdout } = await commands.run('ip', ['-json', 'link', 'show']);
      return JSON.parse(stdout) as Link[];
    },
  };
}

/**
 * Throws where this process is seen to be in the machine's own network namespace, whose rules and settings are not an
 * appliance's. A process without privileges does not see it: it is where the host agent has put it.
 */
export async function assertOwnNamespace(): Promise<void> {
  const [own, machine] = await Promise.all([readlink('/proc/self/ns/net'), networkOfMachine()]);
  if (own === machine) {
    throw new Error(`--config-drive: expected a process in a network namespace of its own, this one is in ${machine}`);
  }
}

async function networkOfMachine(): Promise<string | null> {
  try {
    return await readlink('/proc/1/ns/net');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return null;
    throw error;
  }
}
