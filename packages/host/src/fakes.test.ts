import test from 'ava';
import { CommandError, commandLine, createLog, ManualClock, realClock, scriptedRunner, silentLog } from './index.ts';

test('a scripted runner answers in order and throws on anything else', async (t) => {
  const runner = scriptedRunner([
    { command: 'ip -json addr', stdout: '[]' },
    { command: 'iptables-restore', input: 'COMMIT', stderr: 'line 1 failed', exitCode: 2 },
  ]);
  t.is((await runner.run('ip', ['-json', 'addr'])).stdout, '[]');
  t.throws(() => runner.assertDone(), { message: /iptables-restore/ });
  await t.throwsAsync(runner.run('iptables-restore', [], { input: 'COMMIT' }), { instanceOf: CommandError });
  runner.assertDone();
  await t.throwsAsync(runner.run('rm', ['-rf', '/']), { message: /unexpected command: rm -rf \// });
});

test('a scripted runner checks input', async (t) => {
  const runner = scriptedRunner([{ command: 'cat', input: 'a' }]);
  await t.throwsAsync(runner.run('cat', [], { input: 'b' }), { message: /unexpected input/ });
});

test('a scripted daemon runs until it is killed', async (t) => {
  const runner = scriptedRunner([{ command: 'dnsmasq -k' }]);
  const pid = await runner.startDaemon('dnsmasq', ['-k'], { logPath: '/log' });
  t.true(await runner.isRunning(pid, 'dnsmasq'));
  t.true(runner.signal(pid, 'SIGKILL'));
  t.false(await runner.isRunning(pid, 'dnsmasq'));
});

test('a manual clock wakes sleepers when their time has come', async (t) => {
  const clock = new ManualClock(1000);
  const woken: string[] = [];
  void clock.sleep(20).then(() => woken.push('twenty'));
  void clock.sleep(10).then(() => woken.push('ten'));
  await clock.advance(10);
  t.deepEqual(woken, ['ten']);
  await clock.advance(10);
  t.deepEqual(woken, ['ten', 'twenty']);
  t.is(clock.now(), 1020);
  t.is(clock.monotonicMs(), 20);
});

test('both clocks end a sleep when it is aborted', async (t) => {
  for (const clock of [new ManualClock(), realClock]) {
    const controller = new AbortController();
    const sleep = clock.sleep(60_000, controller.signal);
    controller.abort(new Error('enough'));
    await t.throwsAsync(sleep, { message: 'enough' });
    await t.throwsAsync(clock.sleep(1, controller.signal), { message: 'enough' });
  }
});

test('a command line is quoted where it needs to be', (t) => {
  t.is(commandLine('printf', ['%s', 'a b', "it's", '']), "printf %s 'a b' 'it'\\''s' ''");
});

test('a log line carries its fields, an error its stack, and never a secret', (t) => {
  const lines: string[] = [];
  const log = createLog({ level: 'debug', destination: { write: (line) => lines.push(line) } }).child({ router: 'r1' });
  log.info('started', { password: 'hush', account: { secretKey: 'hush' }, error: new Error('broken') });
  log.debug('detail');
  log.warn('odd');
  log.error('bad');
  t.is(lines.length, 4);
  t.false(lines.join('').includes('hush'));
  const first = JSON.parse(lines[0] ?? '');
  t.is(first.msg, 'started');
  t.is(first.router, 'r1');
  t.regex(first.error.stack, /broken/);
  silentLog.child({}).error('nothing');
});
