import { type Benchmark, CannotRunError } from './result.ts';

export const api: Benchmark = {
  about: '',
  run: () => Promise.reject(new CannotRunError('not written')),
};
