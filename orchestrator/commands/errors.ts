export * from '../model/api-error.ts';
