import type { Command } from '../declaration.ts';
import { listAsyncJobs, queryAsyncJobResult } from './jobs.ts';

export const commands: readonly Command[] = [queryAsyncJobResult, listAsyncJobs];
