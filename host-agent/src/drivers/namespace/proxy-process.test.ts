import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createHost, createNamespaceHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { confined, isForAll, userOf } from './confinement.ts';
import { endProcesses, findProcesses, isAlive, processWith } from './detached-process.ts';
import { findProxies, ProxyProcess } from './proxy-process.ts';

const host = createHost({ log: silentLog });
/** Heeds no SIGTERM, and says who it is. */
const stubborn = `process.on('SIGTERM', () => {}); console.log('uid', process.getuid()); setInterval(() => {}, 1000);`;

async function proxyIn(t: { teardown(end: () => Promise<void>): void }) {
  const namespace = `ith-test-${randomBytes(4).toString('hex')}`;
  const directory = await mkdtemp('/tmp/isthmus-proxy-');
  await chmod(directory, 0o755);
  const paths = {
    ...{ state: `${directory}/states/a`, run: `${directory}/run` },
    ...{ drive: `${directory}/drive`, log: `${directory}/log` },
  };
  await host.files.makeDirectory(paths.drive, { mode: 0o750 });
  const program = `${directory}/program.mjs`;
  await host.files.writeText(program, stubborn);
  await host.commands.run('ip', ['netns', 'add', namespace]);
  const proxy = new ProxyProcess(host, 'ab12', 'a', paths);
  t.teardown(async () => {
    await endProcesses(host, proxy.find(), 0);
    await host.commands.run('ip', ['netns', 'delete', namespace]);
    await rm(directory, { recursive: true, force: true });
  });
  return { directory, paths, program, proxy, inside: createNamespaceHost(host, namespace) };
}

test('a process of the same words in a namespace of process ids, as in the shell of an instance, is none', async (t) => {
  const { directory, paths, program, proxy } = await proxyIn(t);
  const script = `${directory}/script`;
  const words = `--config-drive x --state ${paths.state}`;
  await host.files.writeText(script, `${process.execPath} ${program} ${words}\n`);
  const logPath = `${directory}/impostor.log`;
  const impostor = await host.commands.startDaemon('unshare', ['--pid', '--fork', '--kill-child', '/bin/sh', script], {
    logPath,
  });
  t.teardown(() => host.commands.signal(impostor, 'SIGKILL'));
  for (let seconds = 0; !(await readFile(logPath, 'utf8')).includes('uid'); seconds += 0.05) {
    if (seconds > 30) throw new Error('the impostor does not begin');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.deepEqual(proxy.find(), []);
});

test('a process is found by what it was started with, and ended with force where it does not end by itself', async (t) => {
  const { directory, paths, program, proxy, inside } = await proxyIn(t);
  t.deepEqual(proxy.find(), []);
  const started = await proxy.start(inside, program);
  t.deepEqual(proxy.find(), [started]);
  t.deepEqual(findProxies(`${directory}/states`), [started]);
  t.deepEqual(findProxies(`${directory}/state`), []);
  t.true(isAlive(started));
  t.false(isAlive({ ...started, startTime: '1' }), 'another one with its id');
  t.deepEqual(processWith(started.pid), started);
  while (!(await proxy.lastWords()).includes('uid')) await host.clock.sleep(20);
  t.is(await proxy.lastWords(), `uid ${userOf('ab12', 'a')}`);
  t.is((await stat(paths.state)).uid, userOf('ab12', 'a'));
  t.is((await stat(paths.drive)).gid, userOf('ab12', 'a'));
  t.is((await stat(paths.log)).mode & 0o777, 0o600);
  await proxy.end();
  t.false(isAlive(started));
  t.deepEqual(proxy.find(), []);
});

test('a child that has not become another program yet is not a second process', async (t) => {
  const { directory, paths } = await proxyIn(t);
  const mark = `${directory}/forked`;
  const isForked = (words: readonly string[]) => words.includes(mark);
  t.teardown(() => endProcesses(host, findProcesses(isForked), 0));
  // fork(2) without exec(2): the child shows the words of its parent.
  const words = ['-e', '$| = 1; $pid = fork; print "$pid\\n" if $pid; sleep 60', mark];
  const parent = await host.commands.startDaemon('perl', words, { logPath: paths.log });
  const childOf = async () => /\d+/.exec(await host.files.readText(paths.log))?.[0];
  let child = await childOf();
  for (; child === undefined; child = await childOf()) await host.clock.sleep(20);
  t.deepEqual(
    findProcesses(isForked).map(({ pid }) => pid),
    [parent],
  );
  await endProcesses(host, findProcesses(isForked), 0);
  t.deepEqual(
    findProcesses(isForked).map(({ pid }) => pid),
    [Number(child)],
  );
});

test('a log that became long begins anew while the process writes on', async (t) => {
  const { paths, program, proxy, inside } = await proxyIn(t);
  await host.files.writeText(program, `console.log('x'.repeat(1200000)); setInterval(() => console.log('tick'), 20);`);
  await proxy.start(inside, program);
  while ((await stat(paths.log)).size < 1_200_000) await host.clock.sleep(20);
  await proxy.shortenLog();
  t.true((await stat(`${paths.log}.old`)).size >= 1_200_000);
  while (!(await host.files.readText(paths.log)).includes('tick')) await host.clock.sleep(20);
  t.true((await stat(paths.log)).size < 100_000);
  await proxy.shortenLog();
  t.true((await stat(`${paths.log}.old`)).size >= 1_200_000);
});

test('a program that only root may read keeps the id of root, and none of its privileges', async (t) => {
  const { directory, program, proxy, inside } = await proxyIn(t);
  await chmod(directory, 0o700);
  t.false(await isForAll(program));
  const { pid } = await proxy.start(inside, program);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  t.regex(status, /^Uid:\t0\t/m);
  t.regex(status, /^CapEff:\t0000000000003400$/m);
});

test('each proxy has a user of its own that no account has', (t) => {
  t.not(userOf('ab12', 'a'), userOf('ab12', 'b'));
  t.not(userOf('ab12', 'a'), userOf('ab13', 'a'));
  t.true(userOf('ab12', 'a') >= 0x7000_0000 && userOf('ab12', 'a') < 0x7800_0000);
  t.false(confined(7, ['a']).some((word) => word.includes('=') && word.startsWith('HOME')));
});
