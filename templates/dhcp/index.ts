export * from './dnsmasq-main.ts';
export * from './lease.ts';
export * from './shards.ts';
