export * from './digest.ts';
export * from './host-api.ts';
export * from './identity.ts';
export * from './push.ts';
export * from './router-document.ts';
export * from './validator.ts';
export * from './values.ts';
