import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { CommandError, createHost, createNamespaceHost, recordingRunner, silentLog } from './index.ts';

const { commands, clock } = createHost({ log: silentLog });

async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await condition()) return true;
    await clock.sleep(10);
  }
  return false;
}

test('a command gets its input and answers with what it printed', async (t) => {
  const result = await commands.run('sh', ['-c', 'cat; echo LC_ALL=$LC_ALL >&2'], { input: 'hello' });
  t.is(result.stdout, 'hello');
  t.is(result.stderr, 'LC_ALL=C\n');
  t.is(result.exitCode, 0);
});

test('words reach a command as they are: no shell reads them', async (t) => {
  const { stdout } = await commands.run('printf', ['%s|', '$(id)', 'a b', '; true', "it's"]);
  t.is(stdout, "$(id)|a b|; true|it's|");
});

test('without input standard input is empty', async (t) => {
  t.is((await commands.run('cat', [])).stdout, '');
});

test('input that a command does not read is no failure', async (t) => {
  t.is((await commands.run('true', [], { input: 'x'.repeat(1_000_000) })).exitCode, 0);
});

test('a failing command throws with its words', async (t) => {
  const error = await t.throwsAsync(commands.run('sh', ['-c', 'echo bad line 3 >&2; exit 4']), {
    instanceOf: CommandError,
  });
  t.is(error.exitCode, 4);
  t.is(error.stderr, 'bad line 3\n');
  t.is(error.command, "sh -c 'echo bad line 3 >&2; exit 4'");
});

test('an exit code in okCodes is an answer', async (t) => {
  t.is((await commands.run('sh', ['-c', 'exit 4'], { okCodes: [0, 4] })).exitCode, 4);
});

test('a command that cannot start throws', async (t) => {
  const error = await t.throwsAsync(commands.run('/nonexistent/tool', []), { instanceOf: CommandError });
  t.is(error.exitCode, null);
  t.false(error.timedOut);
});

test('a command is killed when its time is over, with grandchildren that hold its output', async (t) => {
  const started = performance.now();
  const error = await t.throwsAsync(commands.run('sh', ['-c', 'sleep 5 & wait'], { timeoutMs: 50 }), {
    instanceOf: CommandError,
  });
  t.true(error.timedOut);
  t.true(performance.now() - started < 2000);
});

test('a command that prints more than it may is killed, and what it printed until then is kept', async (t) => {
  const error = await t.throwsAsync(commands.run('yes', [], { outputLimit: 1000 }), { instanceOf: CommandError });
  t.is(error?.exitCode, null);
  t.is(error?.stdout.length, 1000);
});

test('an abort kills the command', async (t) => {
  const controller = new AbortController();
  const running = commands.run('sleep', ['5'], { signal: controller.signal });
  await clock.sleep(20);
  controller.abort(new Error('enough'));
  const error = await t.throwsAsync(running, { instanceOf: CommandError });
  t.is((error.cause as Error).message, 'enough');
});

test('the environment of this process is not handed on, but for a few names', async (t) => {
  process.env.ISTHMUS_TEST_SECRET = 'hush';
  const { stdout } = await createHost({ log: silentLog }).commands.run('env', [], { env: { EXTRA: 'yes' } });
  t.false(stdout.includes('hush'));
  t.true(stdout.includes('EXTRA=yes\n'));
});

test('a command runs as another user', async (t) => {
  t.is((await commands.run('id', ['-un'], { user: 'nobody' })).stdout, 'nobody\n');
  await t.throwsAsync(commands.run('id', [], { user: 'no such user' }), { message: /no such user/ });
});

test('a daemon outlives the process that started it, in a session of its own', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-host-'));
  const logPath = join(directory, 'log');
  const starter = `
    import { createHost, silentLog } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
    const { commands } = createHost({ log: silentLog });
    const pid = await commands.startDaemon('sh', ['-c', 'echo started; while :; do sleep 0.1; done'], { logPath: ${JSON.stringify(logPath)} });
    console.log(pid);`;
  const { stdout } = await commands.run(process.execPath, ['--input-type=module-typescript', '-e', starter]);
  const pid = Number(stdout);
  try {
    t.true(await commands.isRunning(pid, 'sh'));
    t.false(await commands.isRunning(pid, 'dnsmasq'));
    t.true(await until(async () => (await readFile(logPath, 'utf8')) === 'started\n'));
    const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ');
    t.is(Number(stat[5]), pid);
  } finally {
    t.true(commands.signal(pid, 'SIGKILL'));
    await rm(directory, { recursive: true });
  }
  t.true(await until(async () => !(await commands.isRunning(pid, 'sh'))));
});

test('a daemon that cannot start throws', async (t) => {
  await t.throwsAsync(commands.startDaemon('/nonexistent/daemon', [], { logPath: '/dev/null' }), {
    instanceOf: CommandError,
  });
});

test('a daemon that nsenter becomes runs at any moment, also while it has no command line', async (t) => {
  for (let start = 0; start < 60; start += 1) {
    const pid = await commands.startDaemon('nsenter', ['--net=/proc/self/ns/net', '--', 'sleep', '60'], {
      logPath: '/dev/null',
    });
    const isRunning: boolean[] = [];
    const end = performance.now() + 12;
    while (performance.now() < end) isRunning.push(await commands.isRunning(pid, 'sleep'));
    commands.signal(pid, 'SIGKILL');
    t.deepEqual(new Set(isRunning), new Set([true]), `start ${start}`);
  }
});

test('a thread of the kernel is nobody', async (t) => {
  t.false(await commands.isRunning(2, 'kthreadd'));
});

test('a process group is never signalled', (t) => {
  for (const pid of [0, -1, 1, 1.5, Number.NaN]) {
    t.throws(() => commands.signal(pid, 'SIGTERM'), { instanceOf: RangeError });
  }
});

test('commands and daemons of a namespace run inside it, under their own names', async (t) => {
  const name = `ithtest-host-${process.pid}`;
  await commands.run('ip', ['netns', 'add', name]);
  try {
    const recording = recordingRunner(commands);
    const host = createNamespaceHost({ ...createHost({ log: silentLog }), commands: recording }, name);
    const inside = (await host.commands.run('readlink', ['/proc/self/ns/net'])).stdout;
    t.not(inside, (await commands.run('readlink', ['/proc/self/ns/net'])).stdout);
    t.deepEqual(recording.commands[0]?.args, [`--net=/run/netns/${name}`, '--', 'readlink', '/proc/self/ns/net']);
    t.is((await host.commands.run('id', ['-un'], { user: 'nobody' })).stdout, 'nobody\n');
    const pid = await host.commands.startDaemon('sleep', ['60'], { logPath: '/dev/null' });
    t.true(await host.commands.isRunning(pid, 'sleep'));
    t.true(await until(async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith('sleep\0')));
    t.true(await host.commands.isRunning(pid, 'sleep'));
    t.is((await commands.run('readlink', [`/proc/${pid}/ns/net`])).stdout, inside);
    host.commands.signal(pid, 'SIGKILL');
    t.true(await until(async () => !(await host.commands.isRunning(pid, 'sleep'))));
  } finally {
    await commands.run('ip', ['netns', 'delete', name]);
  }
});

test('a namespace name that could be a path is refused', (t) => {
  t.throws(() => createNamespaceHost(createHost({ log: silentLog }), '../etc/passwd'), { message: /namespace/ });
});
