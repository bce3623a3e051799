import { appliance } from '../base/appliance.ts';

const mebibyte = 1024 * 1024;

/** Fetches, checks and keeps templates and snapshots on the secondary storage. */
export const secondaryStorage = appliance({
  role: 'secondary-storage',
  about: 'templates, ISOs and snapshots on NFS',
  packages: ['nfs-common', 'qemu-utils'],
  accounts: [],
  requirements: { cpus: 1, memoryBytes: 512 * mebibyte },
  modules: ['nfs', 'nfsv3', 'nfsv4', 'fuse'],
  stateMebibytes: 1024,
  service: { entry: 'services/agent/src/appliance/main.ts', snapshot: true },
  programs: ['/usr/bin/qemu-img', '/usr/sbin/mount.nfs'],
});
