// The life of networks, routers and instances: made when needed, restarted, replaced, healed, gone when unused.
import test from 'ava';
import { type Cloud, createCloud, type Instance, inTurn, objectIn, type Tenant } from '../lab/cloud.ts';
import { answererOf, dig, internet, type LabOptions, seenAs, waitFor } from '../lab/index.ts';

let cloud: Cloud;

const briefly = { timeoutMs: 700 };

/** A web guest that is reached at port 80 of its network's address. */
async function served(name: string): Promise<{ tenant: Tenant; web: Instance; url: string }> {
  const tenant = await cloud.tenant(name, { egressDefault: true });
  const web = await tenant.deploy('web');
  const ip = await tenant.sourceNat();
  await tenant.forward(ip, web, { publicport: 80, privateport: 80, openfirewall: true });
  const url = `http://${ip.address}/`;
  return { tenant, web, url };
}

async function networkState(tenant: Tenant): Promise<string> {
  const [network] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  return String(network?.state);
}

async function routersOf(tenant: Tenant): Promise<string[]> {
  const routers = await cloud.admin.list('listRouters', { networkid: tenant.networkId, listall: true });
  return routers.map(({ id }) => String(id));
}

/** Leases that the router would hand over to its replacement. */
async function leasesOf(tenant: Tenant): Promise<string> {
  const [id = ''] = await routersOf(tenant);
  return JSON.stringify(await (await cloud.routerAgent(id)).state());
}

async function renewed({ host, address }: Instance): Promise<boolean> {
  const words = ['-f', '-n', '-q', '-t', '5', '-T', '1', '-i', 'eth0', '-s', '/bin/true', '-r', address];
  const { stderr, stdout } = await host.commands.run('udhcpc', words, { okCodes: [0, 1], timeoutMs: 15_000 });
  return `${stdout}${stderr}`.includes(`lease of ${address} obtained`);
}

/** The life of networks, routers and instances, on a cloud of these hosts. */
export function lifeCycle(options: LabOptions = {}): void {
  const scenario = inTurn(options) ? test.serial : test;
  test.before(async () => {
    cloud = await createCloud(options);
    await cloud.configure('network.gc.wait', 2);
  });
  test.after.always(() => cloud?.teardown());

  scenario(
    'a network is implemented with its first instance, and shut down when unused for network.gc.wait',
    async (t) => {
      const tenant = await cloud.tenant('brief');
      t.is(await networkState(tenant), 'Allocated');
      t.deepEqual(await routersOf(tenant), []);
      const guest = await tenant.deploy('guest');
      t.is(await networkState(tenant), 'Implemented');
      const [router = ''] = await routersOf(tenant);
      const rule = await tenant.openIngress(await tenant.sourceNat(), { protocol: 'tcp', startport: 80 });
      await tenant.client.run('stopVirtualMachine', { id: guest.id });
      await waitFor('shutdown', async () => (await networkState(tenant)) === 'Allocated', 30_000);
      t.deepEqual(await routersOf(tenant), []);
      t.deepEqual(await cloud.lab.routerProcesses(router), []);
      const rules = await tenant.client.list('listFirewallRules', { ipaddressid: (await tenant.sourceNat()).id });
      t.deepEqual(
        rules.map(({ id }) => id),
        [rule],
        'rules and addresses stay',
      );
      await tenant.client.run('startVirtualMachine', { id: guest.id });
      await tenant.leased(guest.id, guest.address);
      t.is(await networkState(tenant), 'Implemented');
      t.notDeepEqual(await routersOf(tenant), [router]);
    },
  );

  // Inside of a VM nobody kills a daemon from here.
  if (options.hosts === undefined) {
    scenario('kill -9 of dnsmasq is healed, with its leases', async (t) => {
      const { tenant, web } = await served('healed');
      const [id = ''] = await routersOf(tenant);
      const { commands } = cloud.lab.machine;
      const daemons = async () => {
        const pids = await cloud.lab.routerProcesses(id);
        const found = await Promise.all(pids.map((pid) => commands.isRunning(pid, 'dnsmasq')));
        return pids.filter((_, index) => found[index]);
      };
      const [pid = 0] = await daemons();
      const leases = await leasesOf(tenant);
      t.true(commands.signal(pid, 'SIGKILL'));
      await waitFor(
        'names again',
        async () => (await dig(web.host, '10.1.1.1', 'www.example.org')).length === 1,
        30_000,
      );
      t.false((await daemons()).includes(pid));
      t.true(await renewed(web));
      t.true(leases.includes(web.address));
    });
  }

  for (const cleanup of [false, true]) {
    scenario(`restartNetwork ${cleanup ? 'with' : 'without'} cleanup keeps leases, names and rules`, async (t) => {
      const { tenant, web, url } = await served(`restart${cleanup}`);
      const before = await routersOf(tenant);
      const address = await tenant.sourceNat();
      t.true((await leasesOf(tenant)).includes(web.address));
      await tenant.client.run('restartNetwork', { id: tenant.networkId, cleanup });
      t.is((await routersOf(tenant))[0] === before[0], !cleanup, 'the router is the same');
      t.true((await leasesOf(tenant)).includes(web.address));
      t.deepEqual(await tenant.sourceNat(), address);
      t.is(await answererOf(cloud.lab.internet, url), 'web');
      t.is(await seenAs(web.host, `http://${internet.server}/`), address.address);
      t.true(await renewed(web));
    });
  }

  scenario('a rule that is made while the router is stopped is stored, and in force when it starts', async (t) => {
    const { tenant, web, url } = await served('stopped');
    const id = String((await tenant.router()).id);
    await cloud.admin.run('stopRouter', { id });
    t.is((await tenant.router()).state, 'Stopped');
    t.is(await answererOf(cloud.lab.internet, url, briefly), null);
    const ip = await tenant.sourceNat();
    await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
    const [listed] = await tenant.client.list('listPortForwardingRules', { ipaddressid: ip.id, publicport: 8080 });
    t.is(listed?.state, 'Active');
    await cloud.admin.run('startRouter', { id });
    t.is((await tenant.router()).state, 'Running');
    t.is(await answererOf(cloud.lab.internet, url), 'web');
    t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:8080/`), 'web');
  });

  scenario('a rebooted router serves as before, and a destroyed one is replaced by restartNetwork', async (t) => {
    const { tenant, web, url } = await served('reboot');
    const id = String((await tenant.router()).id);
    await cloud.admin.run('rebootRouter', { id });
    t.is((await tenant.router()).state, 'Running');
    const answerer = () => answererOf(cloud.lab.internet, url);
    t.is(await waitFor('the forward answers', answerer), 'web');
    await cloud.admin.run('destroyRouter', { id });
    t.deepEqual(await routersOf(tenant), []);
    t.deepEqual(await cloud.lab.routerProcesses(id), []);
    t.is(await answererOf(cloud.lab.internet, url, briefly), null);
    await tenant.client.run('restartNetwork', { id: tenant.networkId });
    t.is(await waitFor('the forward answers again', answerer), 'web');
    t.true(await renewed(web));
  });

  scenario('an expunged instance gives back its address, its name and its rules', async (t) => {
    const tenant = await cloud.tenant('expunged', { network: { networkdomain: 'expunged.example' } });
    const [gone, stays] = [await tenant.deploy('gone', { ipaddress: '10.1.1.200' }), await tenant.deploy('stays')];
    const [forwarded, own] = [await tenant.sourceNat(), await tenant.associate()];
    await tenant.forward(forwarded, gone, { publicport: 80, privateport: 80, openfirewall: true });
    await tenant.client.run('enableStaticNat', { ipaddressid: own.id, virtualmachineid: gone.id });
    await tenant.openIngress(own, { protocol: 'tcp', startport: 80 });
    t.is(await answererOf(cloud.lab.internet, `http://${forwarded.address}/`), 'gone');
    await cloud.admin.run('destroyVirtualMachine', { id: gone.id, expunge: true });
    const machines = await tenant.client.list('listVirtualMachines');
    t.deepEqual(
      machines.map(({ id }) => id),
      [stays.id],
    );
    t.deepEqual(await tenant.client.list('listPortForwardingRules', { ipaddressid: forwarded.id }), []);
    const [address] = await tenant.client.list('listPublicIpAddresses', { id: own.id });
    t.false(address?.isstaticnat);
    // Removals are acknowledged at once and carried out within a second.
    const isNameGone = async () => (await dig(stays.host, '10.1.1.1', 'gone.expunged.example')).length === 0;
    t.true(await waitFor('its name is gone', isNameGone));
    const next = await tenant.deploy('next', { ipaddress: '10.1.1.200' });
    t.is(next.address, '10.1.1.200', 'its address is free again');
    t.deepEqual(await dig(stays.host, '10.1.1.1', 'next.expunged.example'), ['10.1.1.200']);
    t.is(await answererOf(cloud.lab.internet, `http://${forwarded.address}/`, briefly), null);
    t.is(
      await answererOf(cloud.lab.internet, `http://${own.address}/`, briefly),
      null,
      "its rules are not the next one's",
    );
    await tenant.client.run('disassociateIpAddress', { id: own.id });
  });

  scenario('a deleted network gives back its addresses and leaves nothing on the host', async (t) => {
    const { tenant, web, url } = await served('deleted');
    const ip = await tenant.sourceNat();
    const [router = ''] = await routersOf(tenant);
    await t.throwsAsync(tenant.client.run('deleteNetwork', { id: tenant.networkId }), { message: /web|instance/i });
    await cloud.admin.run('destroyVirtualMachine', { id: web.id, expunge: true });
    await tenant.client.run('deleteNetwork', { id: tenant.networkId });
    t.deepEqual(await tenant.client.list('listNetworks'), []);
    t.is(await answererOf(cloud.lab.internet, url, briefly), null);
    // Free, or another network's by now.
    const [address] = await cloud.admin.list('listPublicIpAddresses', {
      ipaddress: ip.address,
      allocatedonly: false,
      listall: true,
    });
    t.is(address?.ipaddress, ip.address);
    t.not(address?.associatednetworkid, tenant.networkId);
    t.deepEqual(await cloud.lab.routerProcesses(router), []);
    const appliances = await cloud.lab.appliances();
    t.false(appliances.some(({ id }) => id === router));
  });

  scenario('an instance that is rebooted, stopped and started keeps its address and its forwards', async (t) => {
    const { tenant, web, url } = await served('instance');
    await tenant.client.run('rebootVirtualMachine', { id: web.id });
    await tenant.leased(web.id, web.address);
    t.is(await answererOf(cloud.lab.internet, url), 'web');
    const keeper = await tenant.deploy('keeper');
    await tenant.client.run('stopVirtualMachine', { id: web.id });
    t.is(await answererOf(cloud.lab.internet, url, briefly), null);
    const answer = await tenant.client.run('startVirtualMachine', { id: web.id });
    t.is(objectIn(answer, 'virtualmachine').state, 'Running');
    await tenant.leased(web.id, web.address);
    t.is(await answererOf(keeper.host, `http://${web.address}/`), 'web');
    t.is(await answererOf(cloud.lab.internet, url), 'web');
  });
}
