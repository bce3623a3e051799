export * from './clock.ts';
export * from './command.ts';
export * from './files.ts';
export * from './host.ts';
export * from './log.ts';
