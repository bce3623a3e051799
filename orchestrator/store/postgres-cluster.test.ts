import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import pg from 'pg';
import { startPostgresCluster } from './postgres-cluster.ts';
import { keepPostgresCluster } from './postgres-keeper.ts';

const host = createHost({ log: silentLog });

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test('a cluster keeps its data over stop, kill -9 and adoption, and lets only root and postgres in', async (t) => {
  const directory = await mkdtemp('/tmp/isthmus-cluster-');
  await chmod(directory, 0o755);
  const options = { dataDirectory: `${directory}/data`, socketDirectory: `${directory}/socket` };
  const first = await startPostgresCluster(host, options);
  t.teardown(async () => {
    await first.stop();
    await rm(directory, { recursive: true, force: true });
  });
  await query(first.url, 'create table kept (value integer)');
  await query(first.url, 'insert into kept values (1574)');
  const kept = async (url: string) => t.deepEqual(await query(url, 'select value from kept'), [{ value: 1574 }]);

  t.deepEqual(await query(first.url, 'show listen_addresses'), [{ listen_addresses: '' }]);
  t.is((await stat(options.socketDirectory)).mode & 0o777, 0o700);
  t.is((await stat(options.dataDirectory)).mode & 0o777, 0o700);
  await t.throwsAsync(
    host.commands.run('/usr/bin/psql', ['-h', options.socketDirectory, '-U', 'postgres', '-c', 'select 1'], {
      user: 'nobody',
      cwd: '/',
    }),
    { message: /Permission denied/ },
  );

  const adopted = await startPostgresCluster(host, options);
  await kept(adopted.url);

  await adopted.stop();
  await t.throwsAsync(query(first.url, 'select 1'));
  const started = performance.now();
  const second = await startPostgresCluster(host, options);
  t.log(`second start ${Math.round(performance.now() - started)} ms`);
  await kept(second.url);

  const [pid = ''] = (await readFile(`${options.dataDirectory}/postmaster.pid`, 'utf8')).split('\n');
  host.commands.signal(Number(pid), 'SIGKILL');
  const third = await startPostgresCluster(host, options);
  await kept(third.url);
});

test('an initialisation that was cut off is begun anew', async (t) => {
  const directory = await mkdtemp('/tmp/isthmus-cluster-');
  await chmod(directory, 0o755);
  const options = { dataDirectory: `${directory}/data`, socketDirectory: `${directory}/socket`, durable: false };
  await host.files.makeDirectory(options.dataDirectory);
  await host.files.writeText(`${options.dataDirectory}/PG_VERSION`, '15\n');
  const cluster = await startPostgresCluster(host, options);
  t.teardown(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });
  t.deepEqual(await query(cluster.url, 'select 1 as one'), [{ one: 1 }]);
});

test('a process that has got the number of a server that crashed is left alone', async (t) => {
  const directory = await mkdtemp('/tmp/isthmus-cluster-');
  await chmod(directory, 0o755);
  const options = { dataDirectory: `${directory}/data`, socketDirectory: `${directory}/socket`, durable: false };
  const cluster = await startPostgresCluster(host, options);
  t.teardown(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const file = `${options.dataDirectory}/postmaster.pid`;
  const text = await readFile(file, 'utf8');
  await cluster.stop();
  // Of the same user, since PostgreSQL passes over processes of others by itself.
  const args = ['--reuid', 'postgres', '--clear-groups', 'sleep', '60'];
  const pid = await host.commands.startDaemon('setpriv', args, { logPath: '/dev/null' });
  t.teardown(() => host.commands.signal(pid, 'SIGKILL'));
  await host.files.writeText(file, text.replace(/^\d+/, String(pid)));
  await cluster.stop();
  t.true(await host.commands.isRunning(pid, 'sleep'));
  const again = await startPostgresCluster(host, options);
  t.deepEqual(await query(again.url, 'select 1 as one'), [{ one: 1 }]);
  t.true(await host.commands.isRunning(pid, 'sleep'));
});

test('a server that is killed is started again, until it is stopped', async (t) => {
  const directory = await mkdtemp('/tmp/isthmus-cluster-');
  await chmod(directory, 0o755);
  const options = { dataDirectory: `${directory}/data`, socketDirectory: `${directory}/socket`, durable: false };
  const cluster = await keepPostgresCluster(host, options);
  t.teardown(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const [pid = ''] = (await readFile(`${options.dataDirectory}/postmaster.pid`, 'utf8')).split('\n');
  host.commands.signal(Number(pid), 'SIGKILL');
  const end = performance.now() + 30_000;
  while ((await query(cluster.url, 'select 1').catch(() => null)) === null) {
    if (performance.now() > end) return t.fail('the server does not come back');
    await host.clock.sleep(100);
  }
  await cluster.stop();
  await host.clock.sleep(1_500);
  return t.throwsAsync(query(cluster.url, 'select 1'));
});
