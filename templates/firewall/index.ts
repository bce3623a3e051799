export * from './base-chains.ts';
export * from './cidr-lists.ts';
export * from './control-path.ts';
export * from './egress-rules.ts';
export * from './firewall-rules.ts';
export * from './ingress-rules.ts';
export * from './public-addresses.ts';
