export * from './batch.ts';
export * from './faults.ts';
export * from './live.ts';
export * from './state.ts';
