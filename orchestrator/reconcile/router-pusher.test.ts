// A router whose agent starts again while a change is on its way.
import type { Identity } from '@isthmus/contract';
import { parseFqdn } from '@isthmus/net';
import test from 'ava';
import { ApplianceUnreachableError, HostRefusedError, PeerIdentityError } from '../drivers/errors.ts';
import { silentLog } from '../store/log.ts';
import { touch } from '../store/network-change.ts';
import type { RouterAgents } from './router-agents.ts';
import { RouterPusher } from './router-pusher.ts';
import { type SimulatedCloud, startSimulatedCloud } from './simulated-cloud-fixture.ts';

let cloud: SimulatedCloud;
test.before(async () => {
  cloud = await startSimulatedCloud(1);
});
test.after.always(() => cloud?.close());

/** A pusher whose first pushes fail: with `error`, before or after the router took them. */
function pusherThatFails(error: Error, times: number, isTaken = false) {
  const { agents, sealer } = cloud.parts;
  const seen = { failures: 0 };
  const failing: Pick<RouterAgents, 'of'> = {
    of: async (router) => {
      const agent = await agents.of(router);
      const push: typeof agent.push = async (pushed) => {
        if (seen.failures >= times) return agent.push(pushed);
        seen.failures += 1;
        if (isTaken) await agent.push(pushed);
        throw error;
      };
      return new Proxy(agent, { get: (target, name) => (name === 'push' ? push : Reflect.get(target, name)) });
    },
  };
  const pusher = new RouterPusher({ db: cloud.db, agents: failing as RouterAgents, log: silentLog, sealer });
  return { seen, bringUpToDate: (id: string) => cloud.parts.lock.hold(id, (lease) => pusher.bringUpToDate(id, lease)) };
}

/** A network with a change that its router was not told of; answers with what the router acknowledged before. */
async function changed(name: string): Promise<{ networkId: string; routerId: string; before: Identity | null }> {
  const { networkId, routerId } = await cloud.network(name);
  const before = await cloud.parts.pusher.acknowledged(routerId);
  await cloud.db
    .updateTable('network')
    .set({ network_domain: parseFqdn(`${name}.example`) })
    .where('id', '=', networkId)
    .execute();
  await touch(cloud.db, networkId, 'settings', 'dns');
  return { networkId, routerId, before };
}

for (const isTaken of [false, true]) {
  test.serial(`an agent that was away is told again, ${isTaken ? 'its answer lost' : 'the push lost'}`, async (t) => {
    const { networkId, routerId, before } = await changed(`away-${isTaken}`);
    const { bringUpToDate, seen } = pusherThatFails(new ApplianceUnreachableError('r', new Error('reset')), 2, isTaken);
    t.is((await bringUpToDate(networkId)).size, 0);
    t.is(seen.failures, 2);
    t.is((await cloud.parts.pusher.acknowledged(routerId))?.generation, (before?.generation ?? 0) + 1);
  });
}

for (const [name, cause] of Object.entries({
  another: new PeerIdentityError('it shows another certificate'),
  absent: new HostRefusedError('it is not there', true),
})) {
  test.serial(`a machine that is ${name} is not asked again`, async (t) => {
    const { networkId } = await changed(name);
    const { bringUpToDate, seen } = pusherThatFails(new ApplianceUnreachableError('r', cause), 9);
    await t.throwsAsync(bringUpToDate(networkId), { message: /cannot be reached/ });
    t.is(seen.failures, 1);
  });
}
