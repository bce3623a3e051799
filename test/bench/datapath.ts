import { type Benchmark, CannotRunError } from './result.ts';

export const datapath: Benchmark = {
  about: '',
  run: () => Promise.reject(new CannotRunError('not written')),
};
