// From a document to its acknowledged generation, through a real agent with real services.
import { setTimeout as sleep } from 'node:timers/promises';
import { applyChanges } from './apply-changes.ts';
import { applyFull } from './apply-full.ts';
import type { Benchmark } from './result.ts';

export const apply: Benchmark = {
  about: 'one change among N entries, and a whole document, until they are in force',
  needs: [],
  run: async ({ quick, say }) => {
    const changes = await applyChanges({
      sizes: quick ? [10, 10_000] : [10, 100, 1000, 10_000],
      rounds: quick ? 5 : 21,
      say,
    });
    await sleep(500);
    return [...changes, await applyFull({ rounds: quick ? 3 : 9, say })];
  },
};
