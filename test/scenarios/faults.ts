// Faults between API, database and router: unreachable, refused, killed. Afterwards all three agree.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiObject } from '@isthmus/api-client';
import test, { type ExecutionContext } from 'ava';
import { doneByRouter, saidByApi, unsettled } from '../lab/agreement.ts';
import { type Cloud, createCloud, type Instance, inTurn, type PublicIp, type Tenant } from '../lab/cloud.ts';
import { answererOf, internet, type LabOptions, waitFor } from '../lab/index.ts';
import { askUntilAnswered, type Outcome, runThroughCrashes } from '../lab/patience.ts';

let cloud: Cloud;

const briefly = { timeoutMs: 700 };
const [friend, stranger] = internet.clients;

async function tenantWithWeb(name: string): Promise<{ tenant: Tenant; web: Instance; ip: PublicIp }> {
  const tenant = await cloud.tenant(name);
  const web = await tenant.deploy('web');
  return { tenant, web, ip: await tenant.sourceNat() };
}

/** Generations that are compiled and not acknowledged. */
async function unacknowledged(tenant: Tenant): Promise<number> {
  const { generation, acknowledged_generation: acknowledged } = await cloud.db
    .selectFrom('router_document')
    .innerJoin('router', 'router.id', 'router_document.router_id')
    .select(['generation', 'acknowledged_generation'])
    .where('router.network_id', '=', tenant.networkId)
    .executeTakeFirstOrThrow();
  return generation - acknowledged;
}

/** Numbers from 0 to 1, the same in each run of a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const kills = 4;

function seeded(t: ExecutionContext): () => number {
  const seed = Number(process.env.ISTHMUS_SEED ?? Date.now() % 1_000_000);
  t.log(`ISTHMUS_SEED=${seed}`);
  return randomOf(seed);
}

/** Kills the orchestrator at random moments and starts it again each time. */
async function killAtRandom(random: () => number): Promise<void> {
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(300 + random() * 1500);
    await cloud.killOrchestrator();
    await cloud.startOrchestrator();
  }
  await sleep(1000);
}

/** Faults between API, database and router, on a cloud of these hosts. */
export function faults(options: LabOptions = {}): void {
  const scenario = test.serial;
  test.before(async () => {
    cloud = await createCloud(options);
  });
  test.after.always(() => cloud?.teardown());

  scenario('a change that the host agent cannot be reached for is 534, and nothing of it remains', async (t) => {
    const { tenant, web, ip } = await tenantWithWeb('unreachable');
    const kept = await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
    await cloud.lab.killHostAgent();
    await t.throwsAsync(tenant.openIngress(ip, { protocol: 'tcp', startport: 9001 }), { message: /\(534\)/ });
    const second = tenant.forward(ip, web, { publicport: 9001, privateport: 80, openfirewall: true });
    await t.throwsAsync(second, { message: /\(534\)/ });
    await t.throwsAsync(tenant.client.run('deletePortForwardingRule', { id: kept }), { message: /\(534\)/ });
    await t.throwsAsync(tenant.deploy('late'), { message: /\(53[34]\)/ });
    const forwards = await tenant.client.list('listPortForwardingRules', { ipaddressid: ip.id });
    t.deepEqual(
      forwards.map(({ id, state }) => [id, state]),
      [[kept, 'Active']],
    );
    t.is((await tenant.client.list('listFirewallRules', { ipaddressid: ip.id })).length, 1);
    t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:8080/`), 'web', 'packets flow all the while');
    await cloud.lab.startHostAgent();
    await tenant.forward(ip, web, { publicport: 9002, privateport: 80, openfirewall: true });
    t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:9002/`), 'web');
    t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:9001/`, briefly), null);
    await waitFor('everything is settled', async () => (await unsettled(tenant)).length === 0, 20_000);
  });

  scenario(
    'an entry that the agent refuses fails its own job alone; what rode the same push is in force',
    async (t) => {
      const { tenant, web, ip } = await tenantWithWeb('refused');
      // While the host agent stands still a push waits, so that the changes after it ride the next one.
      const pid = await cloud.lab.hostAgentPid();
      cloud.lab.machine.commands.signal(pid, 'SIGSTOP');
      const first = tenant.openIngress(ip, { protocol: 'tcp', startport: 8000, endport: 9999 });
      await waitFor('a push under way', async () => (await unacknowledged(tenant)) > 0);
      const ports = [9001, 9002, 9003, 9004];
      const jobs = ports.map((publicport) => tenant.forward(ip, web, { publicport, privateport: 80 }));
      const outcomes = Promise.allSettled(jobs);
      const stored = async () => {
        const rows = await cloud.db
          .selectFrom('port_forwarding_rule')
          .select('id')
          .where('network_id', '=', tenant.networkId)
          .execute();
        return rows.length === ports.length;
      };
      await waitFor('four rules stored', stored);
      // What no command would store: a second forward of the same port. All four are compiled from here on.
      const change = cloud.db
        .updateTable('port_forwarding_rule')
        .set({ public_start_port: 9004, public_end_port: 9004 });
      await change.where('network_id', '=', tenant.networkId).where('public_start_port', '=', 9003).execute();
      cloud.lab.machine.commands.signal(pid, 'SIGCONT');
      await first;
      const failed = (await outcomes).map(({ status }) => status);
      t.deepEqual(failed.slice(0, 2), ['fulfilled', 'fulfilled']);
      t.true(failed.slice(2).includes('rejected'), failed.join());
      for (const port of [9001, 9002])
        t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:${port}/`), 'web');
      const attempts = ports.map((port) => ({ source: friend, port }));
      await waitFor('everything is settled', async () => (await unsettled(tenant)).length === 0, 20_000);
      t.deepEqual(await doneByRouter(tenant, ip, attempts), await saidByApi(tenant, ip, attempts));
    },
  );

  scenario('kill -9 of the orchestrator at any moment leaves API, database and router in agreement', async (t) => {
    const { tenant, web, ip } = await tenantWithWeb('killed');
    const random = seeded(t);
    const ports = Array.from({ length: 24 }, (_, index) => 9000 + index);
    const calls: (readonly [string, Outcome])[] = [];
    let ended = false;

    /** Opens and closes ports of its own at random until told to stop. */
    const worker = async (mine: readonly number[]) => {
      const { client } = tenant;
      while (!ended) {
        const port = mine[Math.floor(random() * mine.length)] ?? 0;
        const forwards = await askUntilAnswered(() => client.list('listPortForwardingRules', { ipaddressid: ip.id }));
        const known = forwards.find(({ publicport }) => Number(publicport) === port);
        const cidrlist = random() < 0.5 ? '0.0.0.0/0' : `${friend}/32`;
        const forward = {
          ipaddressid: ip.id,
          virtualmachineid: web.id,
          protocol: 'tcp',
          publicport: port,
          privateport: 80,
        };
        const [command, values] =
          known === undefined
            ? (['createPortForwardingRule', { ...forward, cidrlist }] as const)
            : (['deletePortForwardingRule', { id: String(known.id) }] as const);
        calls.push([command, await runThroughCrashes(client, command, values)]);
      }
    };

    const working = Promise.all([0, 1, 2].map((index) => worker(ports.slice(index * 8, index * 8 + 8))));
    await killAtRandom(random);
    ended = true;
    await working;

    const outcomes = calls.map(([command, outcome]) =>
      outcome.kind === 'failed' ? `${command}: ${outcome.message}` : outcome.kind,
    );
    t.log(`${calls.length} calls, ${outcomes.filter((outcome) => outcome === 'unknown').length} never answered`);
    t.deepEqual(
      outcomes.filter((outcome) => outcome !== 'done' && outcome !== 'unknown'),
      [],
    );
    const open = async () => (await unsettled(tenant)).join('; ');
    await waitFor('everything is settled', async () => (await open()) === '', 30_000).catch(async (error) => {
      t.fail(`${error.message}: ${await open()}`);
    });
    const attempts = ports.flatMap((port) => [friend, stranger].map((source) => ({ source, port })));
    const said = await saidByApi(tenant, ip, attempts);
    t.deepEqual(await doneByRouter(tenant, ip, attempts), said);
    const reached = await Promise.all(
      attempts.map(async ({ source, port }) => {
        const answer = await answererOf(cloud.lab.internet, `http://${ip.address}:${port}/`, { from: source });
        return answer === 'web' ? [`${source} to ${port} reaches ${web.address}:80`] : [];
      }),
    );
    t.deepEqual(reached.flat(), said, 'packets agree too');
  });

  scenario('kill -9 of the orchestrator while instances come and go leaves none half made', async (t) => {
    const { tenant, web } = await tenantWithWeb('comeandgo');
    const { client, networkId } = tenant;
    const random = seeded(t);
    const calls: string[] = [];
    let ended = false;
    const machines = () => askUntilAnswered(() => client.list('listVirtualMachines'));
    const deployed = { zoneid: cloud.zoneId, templateid: cloud.templateId, serviceofferingid: cloud.serviceOfferingId };

    /** The next call for one instance: what its state allows, at random. */
    const next = (name: string, machine: ApiObject | undefined): readonly [string, Record<string, string>] => {
      if (machine === undefined) return ['deployVirtualMachine', { ...deployed, name, networkids: networkId }];
      const id = String(machine.id);
      if (machine.state === 'Stopped' && random() < 0.6) return ['startVirtualMachine', { id }];
      if (machine.state === 'Running' && random() < 0.6)
        return [`${random() < 0.5 ? 'stop' : 'reboot'}VirtualMachine`, { id }];
      return ['destroyVirtualMachine', { id }];
    };
    const worker = async (name: string) => {
      while (!ended) {
        const machine = (await machines()).find((each) => each.name === name);
        const [command, values] = next(name, machine);
        const outcome = await runThroughCrashes(client, command, values);
        calls.push(outcome.kind === 'failed' ? `${command} of ${machine?.state}: ${outcome.message}` : outcome.kind);
        if (command === 'destroyVirtualMachine' && outcome.kind === 'done') {
          await runThroughCrashes(cloud.admin, 'expungeVirtualMachine', values);
        }
      }
    };
    const working = Promise.all(['one', 'two', 'three'].map((name) => worker(name)));
    await killAtRandom(random);
    ended = true;
    await working;
    t.log(`${calls.length} calls: ${[...new Set(calls)].join('; ')}`);
    t.deepEqual(
      calls.filter((outcome) => outcome !== 'done' && outcome !== 'unknown'),
      [],
    );
    const everyone = await cloud.admin.list('listVirtualMachines', { listall: true });
    const foreign = new Set(everyone.filter(({ account }) => account !== tenant.name).map(({ id }) => id));
    /** What differs between the API's instances and the host's, in words. */
    const differences = async () => {
      const said = (await machines()).map(({ id, state }) => `${id} ${state}`);
      const own = (await cloud.lab.instances()).filter(({ id }) => !foreign.has(id));
      const done = own.map(({ id, state }) => `${id} ${state}`);
      return [
        // An instance that was deployed stopped has not been on a host.
        ...said.filter((each) => !done.includes(each) && !each.endsWith('Stopped')),
        ...done.filter((each) => !said.includes(each)),
        ...(await unsettled(tenant)),
      ];
    };
    await waitFor('agreement', async () => (await differences()).length === 0, 30_000).catch(async (error) => {
      t.fail(`${error.message}: ${(await differences()).join('; ')}`);
    });
    t.is(await answererOf(web.host, `http://${web.address}/`), 'web');
    const last = await tenant.deploy('last');
    t.is(await answererOf(last.host, `http://${web.address}/`), 'web');
  });

  scenario('kill -9 of the orchestrator while a router is replaced loses no lease', async (t) => {
    const { tenant, web, ip } = await tenantWithWeb('replaced');
    await tenant.forward(ip, web, { publicport: 80, privateport: 80, openfirewall: true });
    const routers = () =>
      askUntilAnswered(() => cloud.admin.list('listRouters', { networkid: tenant.networkId, listall: true }));
    for (const afterMs of inTurn(options) ? [30, 80, 150, 250] : [50, 200]) {
      const replaced = runThroughCrashes(tenant.client, 'restartNetwork', { id: tenant.networkId, cleanup: true });
      await sleep(afterMs);
      await cloud.killOrchestrator('SIGKILL');
      await cloud.startOrchestrator();
      t.not((await replaced).kind, 'failed');
      const id = await waitFor('one router that runs', async () => {
        const [router, ...others] = await routers();
        return router?.state === 'Running' && others.length === 0 ? String(router.id) : null;
      });
      const leases = await waitFor('its leases', async () => {
        const agent = await cloud.routerAgent(id);
        const state = JSON.stringify(await agent.state().catch(() => null));
        return state.includes(web.address) ? state : null;
      });
      t.true(leases.includes(web.address), `killed after ${afterMs} ms`);
    }
    t.is(await waitFor('the forward', () => answererOf(cloud.lab.internet, `http://${ip.address}/`)), 'web');
  });
}
