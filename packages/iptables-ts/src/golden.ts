// For tests only: golden files are compared as text; UPDATE_GOLDEN=1 writes them anew.
import { readFileSync, writeFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';

/** Compares text with `golden/NAME` beside this file. */
export function assertGolden(t: ExecutionContext, name: string, text: string): void {
  const file = new URL(`golden/${name}`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  t.is(text, readFileSync(file, 'utf8'));
}
