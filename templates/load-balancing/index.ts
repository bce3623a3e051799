export * from './certificates.ts';
export * from './global.ts';
export * from './proxy.ts';
