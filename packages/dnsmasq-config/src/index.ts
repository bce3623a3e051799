export * from './config-file.ts';
export * from './dhcp-hosts.ts';
export * from './dhcp-options.ts';
export * from './hosts.ts';
export * from './leases.ts';
export * from './main-config.ts';
export * from './servers.ts';
export * from './values.ts';
