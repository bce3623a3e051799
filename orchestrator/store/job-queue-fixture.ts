// A worker process for job-queue.test.ts: takes jobs of the database named on its command line and prints what it does.
import { silentLog } from '@isthmus/host';
import { createJobQueue } from './job-queue.ts';

const [, , url = ''] = process.argv;
const never = new Promise<void>(() => {});

await createJobQueue({
  url,
  log: silentLog,
  run: async (jobId) => {
    process.stdout.write(`started ${jobId}\n`);
    await never;
  },
  abandon: async () => {},
});
