import { appliance } from '../base/appliance.ts';

const mebibyte = 1024 * 1024;

/** Carries the consoles of instances to browsers. */
export const consoleProxy = appliance({
  role: 'console-proxy',
  about: 'consoles of instances in a browser',
  packages: ['iputils-arping'],
  accounts: [],
  requirements: { cpus: 1, memoryBytes: 256 * mebibyte },
  modules: [],
  stateMebibytes: 256,
  service: { entry: 'services/console-proxy/src/main.ts', snapshot: false },
  programs: ['/usr/bin/arping', '/usr/sbin/ip6tables-restore', '/usr/sbin/iptables-restore'],
});
