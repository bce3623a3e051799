import { appliance } from '../base/appliance.ts';

const mebibyte = 1024 * 1024;

/** Carries the consoles of instances to browsers. */
export const consoleProxy = appliance({
  role: 'console-proxy',
  about: 'consoles of instances in a browser',
  packages: [],
  accounts: [],
  requirements: { cpus: 1, memoryBytes: 256 * mebibyte },
  modules: [],
  stateMebibytes: 256,
  service: 'services/agent/src/appliance/main.ts',
  programs: [],
});
