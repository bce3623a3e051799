export * from './dnsmasq-main.ts';
export * from './ipv6.ts';
export * from './lease.ts';
export * from './shards.ts';
