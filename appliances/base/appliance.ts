import type { ApplianceManifest, ImageService } from '../manifest.ts';
import { accountFiles, baseAccounts } from './accounts.ts';
import { baseFiles, baseFolders, baseLinks, baseStrip } from './files.ts';
import { diskModules, filterModules, nicModules } from './modules.ts';
import { basePackages, debugPackages, installersOnly } from './packages.ts';

const mebibyte = 1024 * 1024;

/** What a role adds to the base of all appliances with a root partition. */
export type RoleParts = Pick<ApplianceManifest, 'role' | 'about' | 'packages' | 'accounts' | 'requirements'> & {
  readonly modules: readonly string[];
  readonly stateMebibytes: number;
  readonly service: ImageService;
  readonly programs: readonly string[];
};

/** The manifest of an appliance: its own parts on the common base. */
export function appliance(parts: RoleParts): ApplianceManifest {
  const accounts = [...baseAccounts, ...parts.accounts];
  return {
    role: parts.role,
    about: parts.about,
    packages: [...basePackages, ...parts.packages],
    without: installersOnly,
    debugPackages,
    accounts,
    files: [...baseFiles, ...accountFiles(accounts)],
    folders: baseFolders,
    links: baseLinks,
    strip: baseStrip,
    initramfs: {
      modules: diskModules,
      files: [{ path: '/init', asset: 'base/boot/initramfs-init', mode: 0o755 }],
    },
    root: {
      modules: [...diskModules, ...nicModules, ...filterModules, ...parts.modules],
      stateBytes: parts.stateMebibytes * mebibyte,
      service: parts.service,
      setuid: [],
      programs: ['/usr/bin/busybox', '/usr/sbin/ip', '/usr/sbin/mke2fs', '/usr/lib/isthmus/node', ...parts.programs],
    },
    kernelCommandLine: 'console=tty0 console=ttyS0,115200 quiet loglevel=4 panic=10 net.ifnames=0',
    requirements: parts.requirements,
  };
}
