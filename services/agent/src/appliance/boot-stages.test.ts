import { ManualClock, MemoryFiles } from '@isthmus/host';
import test from 'ava';
import { BootStages, parseStages, usedBytes } from './boot-stages.ts';
import { consoleLine, createConsoleLog } from './console-log.ts';

test('stages of the programs before Node and of the agent stand in one row', async (t) => {
  const files = new MemoryFiles();
  await files.writeText('/proc/uptime', '4.50 1.00\n');
  await files.writeText('/proc/meminfo', 'MemTotal:  200 kB\nMemFree: 1 kB\nMemAvailable:   150 kB\n');
  await files.writeText('/run/boot-stages', 'kernel 1.20\ninitramfs 1.55\nnonsense\n');
  const clock = new ManualClock();
  const stages = await BootStages.begin(files, clock, '0.1.0', '/run/boot-stages');
  stages.end('node');
  await clock.advance(250);
  stages.end('serving');
  await clock.advance(250);
  stages.end('serving');
  t.deepEqual(await stages.report(), {
    version: '0.1.0',
    stages: [
      { stage: 'kernel', atMs: 1200 },
      { stage: 'initramfs', atMs: 1550 },
      { stage: 'node', atMs: 4500 },
      { stage: 'serving', atMs: 4750 },
    ],
    memoryUsedBytes: 50 * 1024,
  });
  t.deepEqual(parseStages(''), []);
  t.is(usedBytes(''), 0);
});

test('the console gets what people wait for, in bounds, without secrets and without control characters', (t) => {
  const [lines, terminal]: [string[], string[]] = [[], []];
  const log = createConsoleLog({ write: (line) => lines.push(line), console: (line) => terminal.push(line) }, () => 0);
  log.info('quiet', { a: 1 });
  log.announce('serving', { generation: 7 });
  log.warn('odd', { privateKey: 'PEM', name: 'x\u001b[2J\ny', error: new Error('first\nsecond') });
  t.deepEqual(terminal, ['isthmus: serving (generation: 7)\n', 'isthmus: odd (name: x?[2J?y, error: first)\n']);
  t.is(lines.length, 3);
  t.false(lines.join('').includes('PEM'));
  for (let count = 0; count < 1000; count += 1) log.error('again');
  t.is(terminal.length, 60);
  t.is(lines.length, 1003);
  t.true(consoleLine('x'.repeat(1000), {}).length < 420);
});
