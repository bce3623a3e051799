export * from './base-chains.ts';
export * from './ipv6-rules.ts';
