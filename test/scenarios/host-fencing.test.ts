// Two hosts of namespaces that joined by token, each with a controller, and a router on one with an instance on the other:
// its host dies. The same with VMs is in virtual-machines.test.ts.
import test from 'ava';
import { type Cloud, cloudFor } from '../lab/cloud.ts';
import { pings, waitFor } from '../lab/index.ts';

const router = async ({ admin }: Cloud) => (await admin.list('listRouters', { listall: true }))[0];

/** Hypervisors whose host agent runs the router. */
async function carriers({ lab }: Cloud, routerId: string): Promise<number[]> {
  const found = await Promise.all(
    lab.hypervisors.all.map(async ({ isOn }, index) => {
      if (!isOn) return [];
      // A host agent that boots does not answer yet.
      const report = await lab.hypervisors
        .agent(index)
        .appliances()
        .catch(() => []);
      return report.some(({ id, state }) => id === routerId && state === 'Running') ? [index] : [];
    }),
  );
  return found.flat();
}

test.serial('a host that dies is fenced, its router serves from the other, and it comes back without it', async (t) => {
  t.timeout(300_000);
  const cloud = await cloudFor(t, { hosts: ['namespace', 'namespace'] });
  const { admin, lab } = cloud;
  for (const index of [0, 1]) await cloud.enableFencing(index);
  const tenant = await cloud.tenant('alice');
  const first = await tenant.deploy('first');
  const before = await router(cloud);
  const dead = cloud.hostIds.indexOf(String(before?.hostid));
  const living = 1 - dead;
  const hostid = cloud.hostIds[living] ?? '';
  // The tenant cannot choose a host: root admin moves its instance there.
  await admin.run('migrateVirtualMachine', { virtualmachineid: first.id, hostid });
  await tenant.leased(first.id, first.address);
  t.true(await pings(first.host, '10.1.1.1'), 'across the tunnel');

  const started = performance.now();
  await lab.hypervisors.cutPower(dead);
  const moved = async () => {
    const now = await router(cloud);
    return now?.state === 'Running' && now.hostid === hostid;
  };
  await waitFor('the router runs on the other host', moved, 60_000);
  const took = performance.now() - started;
  t.log(`the router serves from the other host after ${Math.round(took)} ms`);
  t.true(took < 30_000);
  t.true(await pings(first.host, '10.1.1.1'));
  const [lost] = await admin.list('listHosts', { id: cloud.hostIds[dead] ?? '' });
  t.is(lost?.state, 'Down');
  t.is((lost?.outofbandmanagement as { powerstate?: string } | undefined)?.powerstate, 'Off');

  const watched: number[][] = [];
  const watch = setInterval(() => {
    void carriers(cloud, String(before?.id)).then((found) => watched.push(found));
  }, 100);
  await lab.hypervisors.restorePower(dead);
  await cloud.hostReaches(dead, 'Up', 60_000);
  clearInterval(watch);
  t.deepEqual(await carriers(cloud, String(before?.id)), [living]);
  t.true(
    watched.every((found) => found.length <= 1),
    `it never ran twice: ${JSON.stringify(watched)}`,
  );
  const reports = await lab.hypervisors.agent(dead).appliances();
  t.deepEqual(reports, []);
  t.true(await pings(first.host, '10.1.1.1'));
  await admin.run('destroyVirtualMachine', { id: first.id, expunge: true });
});
