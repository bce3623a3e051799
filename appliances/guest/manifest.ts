import { diskModules, nicModules } from '../base/modules.ts';
import type { ApplianceManifest } from '../manifest.ts';

const mebibyte = 1024 * 1024;

/** A tiny Linux for tests and demos: DHCP, a page that says who answers, a root shell on the serial console. */
export const guest: ApplianceManifest = {
  role: 'guest',
  about: 'a tiny instance for tests and demos',
  packages: ['busybox-static'],
  without: [],
  debugPackages: [],
  accounts: [],
  files: [],
  folders: [],
  links: {},
  strip: [],
  initramfs: {
    modules: [...diskModules.filter((name) => name !== 'overlay'), ...nicModules],
    files: [
      { path: '/init', asset: 'guest/init', mode: 0o755 },
      { path: '/etc/dhcp-event', asset: 'guest/dhcp-event', mode: 0o755 },
      { path: '/www/cgi-bin/index.cgi', asset: 'guest/http-answer', mode: 0o755 },
      // No init is there to ask: the kernel is told, and nothing needs to be written.
      { path: '/etc/acpi/PWRF/00000080', text: '#!/bin/sh\nexec poweroff -f\n', mode: 0o755 },
      { path: '/etc/passwd', text: 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' },
      { path: '/etc/group', text: 'root:x:0:\nnogroup:x:65534:\n' },
    ],
  },
  root: null,
  kernelCommandLine: 'console=tty0 console=ttyS0,115200 quiet loglevel=4 panic=10 net.ifnames=0',
  requirements: { cpus: 1, memoryBytes: 96 * mebibyte },
};
