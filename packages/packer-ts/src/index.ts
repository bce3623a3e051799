export * from './builders.ts';
export * from './post-processors.ts';
export * from './render.ts';
export * from './template.ts';
export * from './text.ts';
export * from './validate.ts';
