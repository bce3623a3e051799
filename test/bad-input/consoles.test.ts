// Whose consoles anyone may ask for: what is another's and what is not there are answered alike, without an error.
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { inside } from '../commands/tenant-fixture.ts';
import { type CallerName, callerNames, startWorld, type World } from './world.ts';

let world: World;
test.before(async () => {
  world = await startWorld();
});
test.after.always(() => world?.close());

async function ask(caller: CallerName, virtualmachineid: string | undefined) {
  const answer = inside(await world.callers[caller].call('createConsoleEndpoint', { virtualmachineid }));
  return { success: answer.success, details: String(answer.details), url: answer.url, websocket: answer.websocket };
}

const reaching: Readonly<Record<'owner' | 'stranger' | 'root', readonly CallerName[]>> = {
  owner: ['root', 'delegate', 'northAdmin', 'cityAdmin', 'owner', 'colleague'],
  stranger: ['root', 'delegate', 'stranger'],
  root: ['root'],
};

for (const [whose, may] of Object.entries(reaching)) {
  test(`the console of an instance of ${whose} is for those alone who reach it`, async (t) => {
    const id = world.belongings[whose as keyof typeof reaching].virtual_machine;
    for (const caller of callerNames) {
      const [denied, unknown] = [await ask(caller, id), await ask(caller, randomUUID())];
      t.like(unknown, { success: false, url: undefined, websocket: undefined });
      t.regex(unknown.details, /^Permission denied/);
      if (may.includes(caller)) t.notRegex(denied.details, /^Permission denied/, caller);
      else t.deepEqual(denied, unknown, caller);
    }
  });
}

test('routers and system VMs have consoles for root admins alone', async (t) => {
  for (const id of [world.belongings.owner.router, world.common.system_vm]) {
    for (const caller of callerNames) {
      const { success, details } = await ask(caller, id);
      t.false(success);
      t.is(/^Permission denied/.test(details), caller !== 'root', caller);
    }
  }
});

test('what is not a machine has no console', async (t) => {
  const { network, cloud_user: user, account } = world.belongings.owner;
  for (const id of [network, user, account, world.zoneId]) {
    t.regex((await ask('root', id)).details, /^Permission denied/);
  }
});

test('sessions are listed to those who reach the account that asked, with the filters of the field', async (t) => {
  const own = world.belongings.owner;
  const list = async (caller: CallerName, values: Record<string, string | boolean> = {}) => {
    const rows = await world.callers[caller].list('listConsoleSessions', { listall: true, ...values });
    return rows.map(({ id }) => id);
  };
  t.deepEqual(await list('owner'), [own.console_session]);
  t.deepEqual(await list('colleague'), [own.console_session]);
  t.deepEqual(await list('townAdmin'), []);
  t.is((await list('root')).length, 4);
  const ofOwner = { accountid: own.account ?? '' };
  t.deepEqual(await list('root', { ...ofOwner, listall: false }), [own.console_session]);
  t.deepEqual(await list('root', { virtualmachineid: own.virtual_machine ?? '' }), [own.console_session]);
  t.deepEqual(await list('root', { ...ofOwner, startdate: '2100-01-01' }), []);
  t.deepEqual(await list('root', { ...ofOwner, clientaddress: '192.0.2.1' }), []);
  const [row] = await world.callers.root.list('listConsoleSessions', ofOwner);
  t.like(row, { account: 'owner', virtualmachineid: own.virtual_machine, console: 'vnc', mode: 'control' });
  t.false(JSON.stringify(row).includes('hash'));

  await world.db
    .updateTable('console_session')
    .set({ state: 'Ended', end_reason: 'logout', ended: new Date() })
    .where('id', '=', own.console_session ?? '')
    .execute();
  t.deepEqual(await list('owner'), []);
  const [past] = await world.callers.owner.list('listConsoleSessions', { activeonly: false, acquired: true });
  t.like(past, { id: own.console_session, endreason: 'logout' });
});
