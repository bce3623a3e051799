// Where an appliance runs: in a machine of its own, or as a process in a network namespace of its own.
import type { Host } from '@isthmus/host';
import { findOpticalDrives, type ReadDrive, readConfigDrive, readConfigFolder } from './config-drive.ts';
import type { Link } from './network.ts';

/** What differs. */
export interface Place {
  /** Where a config drive may be, absolute. */
  drives(): Promise<readonly string[]>;
  /** Null where none is. Throws ConfigDriveError. */
  readDrive(path: string, now: Date): Promise<ReadDrive | null>;
  /** True where a mistake could make it the machine's own namespace, whose rules and settings are not an appliance's. */
  readonly isShared: boolean;
  /** The NICs. */
  links(host: Pick<Host, 'commands' | 'files'>): Promise<Link[]>;
}

/** A machine of its own: config drives are CD-ROMs. NICs are read without a process, which costs a slow processor 0.1 s. */
export const machinePlace: Place = {
  isShared: false,
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
    isShared: true,
    drives: async () => [folder],
    readDrive: readConfigFolder,
    links: async ({ commands }) => {
      const { stdout } = await commands.run('ip', ['-json', 'link', 'show']);
      return JSON.parse(stdout) as Link[];
    },
  };
}
