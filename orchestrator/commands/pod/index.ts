import type { Command } from '../declaration.ts';
import { createPod } from './create-pod.ts';
import { listPods } from './list-pods.ts';

/** Commands on pods. */
export const commands: readonly Command[] = [createPod, listPods];
