export * from './diff.ts';
export * from './dispatch.ts';
export * from './ipset.ts';
export * from './model.ts';
export * from './parse.ts';
export * from './render.ts';
export * from './trace.ts';
export * from './validate.ts';
