import type { RouterSettings } from '@isthmus/contract';
import { type ConfigPath, type GlobalConfig, parseAccountName, parseProxyName } from '@isthmus/haproxy-config';
import { parseIpv4Address } from '@isthmus/net';

/** Where the files of a router's HAProxy lie. */
export interface LoadBalancerPaths {
  /** An empty directory. */
  readonly chroot: ConfigPath;
  readonly certificates: ConfigPath;
  readonly certificateLists: ConfigPath;
}

/** On the loopback interface, where no listener of a tenant can be. */
const peer = { name: parseProxyName('router'), address: parseIpv4Address('127.0.0.1'), port: 10_240 } as const;

/** Settings to the file before those of the rules. Two threads: a router has one or two processors. */
export function globalConfig(settings: RouterSettings['loadBalancing'], paths: LoadBalancerPaths): GlobalConfig {
  return {
    user: parseAccountName('haproxy'),
    group: parseAccountName('haproxy'),
    chroot: paths.chroot,
    maxConnections: settings.maxConnections,
    threads: 2,
    hardStopAfterMs: settings.hardStopAfterMs,
    peer,
  };
}
