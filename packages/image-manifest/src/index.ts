export * from './manifest.ts';
export * from './schema.ts';
export * from './signature.ts';
