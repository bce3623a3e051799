import { MemoryFiles } from '@isthmus/host';
import test from 'ava';
import { lastLines, serialTail } from './serial-log.ts';

test('colours, cursor moves and control characters are left out', (t) => {
  t.is(lastLines('\u001b[2J\u001b[1;32mOK\u001b[0m\r\r\n\u0007bell\u0000\r\n~ # \u001b[6n'), 'OK\nbell\n~ #');
  t.is(lastLines(''), '');
});

test('no more than the last twenty lines, none longer than 200 characters', (t) => {
  const tail = lastLines(Array.from({ length: 50 }, (_, line) => `${line} ${'x'.repeat(300)}`).join('\n')).split('\n');
  t.is(tail.length, 20);
  t.true(tail[0]?.startsWith('30 '));
  t.true(tail.every((line) => line.length === 200));
});

test('what virtlogd has put aside comes before it', async (t) => {
  const files = new MemoryFiles();
  await files.writeText('/log', 'new\n');
  await files.writeText('/log.0', 'old\n');
  t.is(await serialTail(files, '/log'), 'old\nnew');
  t.is(await serialTail(files, '/none'), '');
});
