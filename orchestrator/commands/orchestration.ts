export * from '../model/orchestration.ts';
