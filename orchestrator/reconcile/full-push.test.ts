// A router that takes its document in full takes all of it, also what the release that compiled it did not know of.
import { sectionNames } from '@isthmus/contract';
import test from 'ava';
import { type SimulatedCloud, startSimulatedCloud } from './simulated-cloud-fixture.ts';

let cloud: SimulatedCloud;
test.before(async () => {
  cloud = await startSimulatedCloud(1);
});
test.after.always(() => cloud?.close());

test('sections that an older release did not compile are part of a full push', async (t) => {
  const { networkId, routerId } = await cloud.network('one');
  const { pusher, updates } = cloud.parts;
  const sections = async () => {
    const rows = await cloud.db
      .selectFrom('router_entry')
      .select('entry_id')
      .where('router_id', '=', routerId)
      .where('collection', '=', 'settings')
      .execute();
    return rows.map(({ entry_id }) => entry_id).sort();
  };
  const all = [...sectionNames].sort();
  t.deepEqual(await sections(), all);
  await cloud.db
    .deleteFrom('router_entry')
    .where('router_id', '=', routerId)
    .where('entry_id', 'in', ['metadata', 'loadBalancing'])
    .execute();
  const before = await pusher.acknowledged(routerId);
  await updates.request(networkId);
  t.is((await sections()).length, all.length - 2, 'what the router acknowledged is left alone');
  await pusher.forgetAcknowledgement(routerId);
  await updates.request(networkId);
  t.deepEqual(await sections(), all);
  t.is((await pusher.acknowledged(routerId))?.generation, (before?.generation ?? 0) + 1);
});
