export * from './nat-rules.ts';
