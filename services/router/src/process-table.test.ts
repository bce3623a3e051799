import { createHost, type Files, silentLog } from '@isthmus/host';
import test from 'ava';
import { readCommandLines } from './process-table.ts';

/** A /proc of processes that come and go by `processes`, and how often it was listed. */
function proc(processes: Map<string, string>) {
  let lists = 0;
  const files: Files = {
    ...createHost({ log: silentLog }).files,
    list: async () => {
      lists += 1;
      return ['1', 'self', ...processes.keys()];
    },
    readTextIfExists: async (path) => processes.get(path.split('/')[2] ?? '') ?? null,
  };
  return { files, lists: () => lists };
}

test('who asks while others read gets what was started before it asked, by one more read for all', async (t) => {
  const processes = new Map([['7', 'dnsmasq\0--conf-file=/a\0']]);
  const { files, lists } = proc(processes);
  const first = readCommandLines(files);
  processes.set('8', 'dnsmasq\0--conf-file=/b\0');
  const rest = [readCommandLines(files), readCommandLines(files), readCommandLines(files)];
  t.deepEqual((await first).get(7), ['dnsmasq', '--conf-file=/a', '']);
  for (const each of await Promise.all(rest)) t.deepEqual([...each.keys()], [7, 8]);
  t.is(lists(), 2);
  processes.delete('7');
  t.deepEqual([...(await readCommandLines(files)).keys()], [8]);
  t.is(lists(), 3);
});

test('a read that fails is the failure of those who asked for it alone', async (t) => {
  const { files } = proc(new Map([['7', 'x\0']]));
  let isBroken = true;
  const broken: Files = {
    ...files,
    list: async (path) => (isBroken ? Promise.reject(new Error('EMFILE')) : files.list(path)),
  };
  const first = readCommandLines(broken);
  const second = readCommandLines(broken);
  await t.throwsAsync(first, { message: 'EMFILE' });
  await t.throwsAsync(second, { message: 'EMFILE' });
  isBroken = false;
  t.is((await readCommandLines(broken)).size, 1);
});
