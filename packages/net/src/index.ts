export * from './invalid-value.ts';
export * from './ipv4.ts';
export * from './ipv4-cidr.ts';
export * from './ipv6.ts';
export * from './ipv6-cidr.ts';
export * from './mac.ts';
export * from './names.ts';
export * from './port-range.ts';
