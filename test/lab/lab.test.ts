import test from 'ava';
import { createLab, findLeaks, httpGet, internet, seenAs, udpEchoes } from './index.ts';

test('the internet of a lab answers, and nothing of a lab remains after its teardown', async (t) => {
  const lab = await createLab({ hostAgent: false });
  t.teardown(() => lab.teardown());
  const guest = await lab.addGuest({
    name: 'client',
    segment: lab.publicSegment,
    macAddress: '02:00:00:00:00:09',
    address: '203.0.113.9/24',
  });
  await guest.commands.run('ip', ['route', 'add', 'default', 'via', internet.gateway]);
  t.is(await seenAs(guest, `http://${internet.server}/`), '203.0.113.9');
  t.is(await httpGet(guest, `http://${internet.server}/`, { body: 'abc' }), 'abc');
  t.true(await udpEchoes(guest, internet.server, 7));
  t.true((await findLeaks(lab.machine, lab.installation)).length > 3);
  await lab.teardown();
  t.deepEqual(await findLeaks(lab.machine, lab.installation), []);
});

test('a lab whose making fails leaves nothing behind', async (t) => {
  const lab = await createLab({ hostAgent: false });
  t.teardown(() => lab.teardown());
  const nobody = { kind: 'guest', id: 'guest-1', vni: 1 } as const;
  await t.throwsAsync(lab.addGuest({ name: 'g', segment: nobody, macAddress: '02:00:00:00:00:09' }));
  await lab.teardown();
  t.deepEqual(await findLeaks(lab.machine, lab.installation), []);
});
