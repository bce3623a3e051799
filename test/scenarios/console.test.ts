// The console of an instance, from the call to the keys: a real browser, the page of the orchestrator, a console proxy of
// its own process, the shell of an instance in a namespace.
import type { ApiObject } from '@isthmus/api-client';
import test, { type ExecutionContext } from 'ava';
import { findProcesses } from '../../host-agent/src/drivers/namespace/detached-process.ts';
import { press, terminalText, waitForCard, waitForConsole, waitForState } from '../browser/console-view.ts';
import { ConsoleVisitor, computes } from '../browser/console-visitor.ts';
import { waitFor } from '../lab/clients.ts';
import { type Cloud, createCloud, type Instance, objectIn, only, type Tenant, text } from '../lab/cloud.ts';

let cloud: Cloud;
let alice: Tenant;
let mallory: Tenant;
let web: Instance;
let visitor: ConsoleVisitor;

test.before(async (t) => {
  t.timeout(300_000);
  cloud = await createCloud({ consoles: true });
  // Room for one more session always: two proxies at least.
  await cloud.configure('consoleproxy.session.max', 10);
  alice = await cloud.tenant('alice');
  mallory = await cloud.tenant('mallory');
  web = await alice.deploy('web');
  visitor = await ConsoleVisitor.arrive(cloud);
  await waitFor('two console proxies run', async () => (await runningProxies()).length >= 2, 120_000);
});
test.after.always(async () => {
  await visitor?.leave();
  await cloud?.teardown();
});

async function runningProxies(): Promise<ApiObject[]> {
  const proxies = await cloud.admin.list('listSystemVms', { systemvmtype: 'consoleproxy' });
  return proxies.filter(({ state, agentstate }) => state === 'Running' && agentstate === 'Up');
}

const look = (t: ExecutionContext) => visitor.look(t, alice, web.id);

async function sessions(values: Readonly<Record<string, string | boolean>> = {}): Promise<ApiObject[]> {
  return cloud.admin.list('listConsoleSessions', { listall: true, ...values });
}

test.serial('a link opens the shell of an instance, which knows its own network', async (t) => {
  const page = await look(t);
  await computes(page, 7);
  await page.keyboard.type('ip -4 -o address show dev eth0\n');
  await waitFor('the address of the instance', async () => (await terminalText(page)).includes(web.address));
  t.false(page.url().includes('ticket'), 'the ticket stands in the address bar');
  const [session] = await sessions({ virtualmachineid: web.id, activeonly: true });
  t.is(session?.virtualmachinename, 'web');
  t.truthy(session?.acquired);
});

test.serial('a link is good once, and for whom it was made', async (t) => {
  const url = text(await visitor.endpoint(alice, web.id), 'url');
  await waitForConsole(await visitor.follow(t, url));
  const second = await visitor.follow(t, url);
  t.regex(await waitForCard(second, 'This link does not work any more'), /was used already/);

  const answer = await mallory.client.run('createConsoleEndpoint', { virtualmachineid: web.id });
  const refused = objectIn(answer, 'consoleendpoint');
  t.is(refused.success, false);
  t.is(refused.url, undefined);
});

test.serial('who comes second watches or takes over, and both are told', async (t) => {
  const first = await look(t);
  const second = await visitor.open(t, { client: cloud.admin }, web.id);
  await waitForState(second, 'Somebody is here already');
  await press(second, 'Watch');
  await waitForConsole(second);
  await waitForState(second, 'Watching: alice in control');
  await waitForState(first, 'In control: admin watching');
  await second.locator('.xterm').click();
  await second.keyboard.type('echo never\n');
  await computes(first, 11);
  await waitFor('the watcher sees it', async () => (await terminalText(second)).includes('is-33'));
  t.false((await terminalText(first)).includes('never'));

  await press(second, 'Take control');
  await waitForState(second, 'In control: alice watching');
  await waitForState(first, 'Watching: admin in control');
  await computes(second, 13);
});

test.serial('kill -9 of a proxy: its session comes back on another within 5 seconds', async (t) => {
  const page = await look(t);
  await computes(page, 17);
  const [session] = await cloud.db
    .selectFrom('console_session')
    .select(['id', 'system_vm_id'])
    .where('state', '=', 'Open')
    .orderBy('acquired', 'desc')
    .execute();
  const before = session?.system_vm_id ?? '';
  const processes = findProcesses(
    (words) => words.includes('--config-drive') && words.some((word) => word.includes(before)),
  );
  t.is(processes.length, 1);
  const killed = performance.now();
  for (const { pid } of processes) cloud.lab.machine.commands.signal(pid, 'SIGKILL');
  await waitFor(
    'the page notices',
    async () => !((await page.locator('.bar .state').textContent()) ?? '').startsWith('Connected'),
  );
  await waitForState(page, 'Connected');
  const seconds = (performance.now() - killed) / 1000;
  t.log(`back after ${seconds.toFixed(1)} s`);
  t.true(seconds < 5, `back after ${seconds} s`);
  await computes(page, 19);
  const after = await cloud.db
    .selectFrom('console_session')
    .select(['state', 'system_vm_id'])
    .where('id', '=', session?.id ?? '')
    .executeTakeFirstOrThrow();
  t.is(after.state, 'Open');
  t.not(after.system_vm_id, before);
});

test.serial('kill -9 of the orchestrator: an open console goes on', async (t) => {
  const page = await look(t);
  await cloud.killOrchestrator();
  await computes(page, 23);
  await cloud.startOrchestrator();
  await waitFor('the session is known again', async () => (await sessions({ activeonly: true })).length > 0, 30_000);
  await computes(page, 29);
  await waitForState(page, 'Connected');
  t.is(await page.locator('.card').count(), 0);
});

test.serial('a session ends with its user, and the person is told', async (t) => {
  const page = await look(t);
  await computes(page, 31);
  const user = only('user', await cloud.admin.list('listUsers', { username: 'alice', listall: true }));
  await cloud.admin.run('disableUser', { id: text(user, 'id') });
  t.teardown(() => cloud.admin.run('enableUser', { id: text(user, 'id') }));
  t.truthy(await waitForCard(page, 'You may not see this console any more', 5000));
});

test.serial('a session ends with its instance', async (t) => {
  const other = await alice.deploy('other');
  const page = await visitor.look(t, alice, other.id);
  await alice.client.run('destroyVirtualMachine', { id: other.id });
  t.truthy(await waitForCard(page, 'The machine is gone', 20_000));
  await waitFor(
    'nothing of it is open',
    async () => (await sessions({ virtualmachineid: other.id, activeonly: true })).length === 0,
  );
});
