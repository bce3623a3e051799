import { createServer } from 'node:net';
import type { Clock } from '@isthmus/host';
import { ImageBuildError } from './image-build-error.ts';
import { sha256Of } from './inputs.ts';

const waitAtMostMs = 30 * 60_000;

/** Takes the name, which is free again at the latest when this process ends; null where another has it. */
function take(name: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(`\0${name}`, () => resolve(() => server.close()));
    server.unref();
  });
}

/**
 * Does `work` while no other process of this machine does so for the same folder. Throws ImageBuildError where the others
 * take half an hour, and what `signal` is aborted with.
 */
export async function oneAtATime(
  clock: Clock,
  folder: string,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const name = `isthmus-images-${sha256Of(folder).slice(0, 32)}`;
  const deadline = clock.monotonicMs() + waitAtMostMs;
  let release = await take(name);
  while (release === null) {
    if (clock.monotonicMs() > deadline) throw new ImageBuildError(`${folder}: another build there does not end`);
    await clock.sleep(300, signal);
    release = await take(name);
  }
  try {
    await work();
  } finally {
    release();
  }
}
