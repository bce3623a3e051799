import { ApiCallError } from '@isthmus/api-client';
import { macFromNumber, parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { addTenant, deploy, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi(200);
});
test.after.always(() => api?.close());

test('an instance shows what clients read', async (t) => {
  const tenant = await addTenant(api);
  const { client, networkId, machineId: id } = tenant;
  const [machine] = await client.list('listVirtualMachines', { id });
  t.like(machine, {
    id,
    name: `vm-${id}`,
    displayname: `vm-${id}`,
    state: 'Running',
    account: tenant.username,
    username: tenant.username,
    domain: 'ROOT',
    domainpath: 'ROOT',
    zonename: 'zone1',
    templatename: 'isthmus-http-echo',
    osdisplayname: 'Other Linux (64-bit)',
    serviceofferingname: 'Small Instance',
    cpunumber: 1,
    memory: 512,
    ipaddress: '10.1.1.2',
    securitygroup: [],
    affinitygroup: [],
    tags: [],
  });
  t.is(machine?.instancename, undefined);
  const [nic] = await client.list('listNics', { virtualmachineid: id });
  t.like(nic, {
    networkid: networkId,
    netmask: '255.255.255.0',
    gateway: '10.1.1.1',
    ipaddress: '10.1.1.2',
    isdefault: true,
    deviceid: '0',
    mtu: 1500,
    secondaryip: [],
  });
  t.deepEqual(machine?.nic, [nic]);
  const [seenByAdmin] = await api.admin.list('listVirtualMachines', { id });
  t.regex(String(seenByAdmin?.instancename), /^i-\d+-VM$/);
});

test('an instance is deployed as it is asked for', async (t) => {
  const tenant = await addTenant(api);
  const { client, networkId } = tenant;
  const second = inside(
    await client.run('createNetwork', {
      name: 'second',
      zoneid: api.zoneId,
      networkofferingid: api.networkOfferingId,
      gateway: '10.7.0.1',
      netmask: '255.255.255.0',
      startip: '10.7.0.100',
      endip: '10.7.0.101',
    }),
  );
  const machine = inside(
    await deploy(api, tenant, {
      networkids: `${networkId},${second.id}`,
      name: 'Web-1',
      displayname: 'Shop "front"',
      ipaddress: '10.1.1.77',
      userdata: 'I2Nsb3VkLWNvbmZpZwo=',
      startvm: false,
    }),
  );
  t.like(machine, { name: 'web-1', displayname: 'Shop "front"', state: 'Stopped', ipaddress: '10.1.1.77' });
  const nics = await client.list('listNics', { virtualmachineid: String(machine.id) });
  t.deepEqual(
    nics.map(({ ipaddress, isdefault }) => [ipaddress, isdefault]),
    [
      ['10.1.1.77', true],
      ['10.7.0.100', false],
    ],
  );
  const job = await api.db
    .selectFrom('async_job')
    .select('parameters')
    .where('instance_id', '=', String(machine.id))
    .executeTakeFirstOrThrow();
  t.false('userdata' in job.parameters);
  const changes = await api.db
    .selectFrom('network_change')
    .select(['collection', 'entry_id'])
    .where('network_id', '=', networkId)
    .execute();
  for (const collection of ['dhcp.hosts', 'dns.records']) {
    t.true(changes.some((change) => change.collection === collection && change.entry_id === nics[0]?.id));
  }
});

test('an instance is refused where it cannot be as it is asked for', async (t) => {
  const tenant = await addTenant(api);
  const stranger = await addTenant(api);
  const networkids = tenant.networkId;
  t.like(inside(await deploy(api, tenant, { networkids, name: 'Web' })), { name: 'web', displayname: 'Web' });
  const cases: readonly (readonly [number, Readonly<Record<string, string>>, RegExp])[] = [
    [431, { networkids, name: 'WEB' }, /parameter name/],
    [431, { networkids, name: 'a_b' }, /parameter name/],
    [431, { networkids, name: '-a' }, /parameter name/],
    [431, { networkids, name: 'a'.repeat(64) }, /parameter name/],
    [431, { networkids, name: 'a\nb' }, /parameter name/],
    [431, { networkids, displayname: 'a\nb' }, /parameter displayname/],
    [431, { networkids: `${networkids},${networkids}` }, /parameter networkids/],
    [531, { networkids: stranger.networkId }, /networkids/],
    [431, { networkids, ipaddress: '10.1.1.1' }, /parameter ipaddress/],
    [431, { networkids, ipaddress: '10.1.1.255' }, /parameter ipaddress/],
    [431, { networkids, ipaddress: '10.9.1.2' }, /parameter ipaddress/],
    [431, { networkids, ipaddress: '10.1.1.2' }, /parameter ipaddress/],
    [431, { networkids, userdata: 'no base64!' }, /parameter userdata/],
    [431, { networkids, diskofferingid: networkids }, /parameter diskofferingid/],
    [431, { networkids, keypair: 'mine' }, /parameter keypair/],
    [431, { networkids, templateid: networkids }, /templateid/],
  ];
  const count = (await tenant.client.list('listVirtualMachines')).length;
  for (const [code, values, message] of cases) {
    const said = JSON.stringify(values);
    const error = await t.throwsAsync(deploy(api, tenant, values), { instanceOf: ApiCallError }, said);
    t.is(error.errorcode, code, `${said} ${error.message}`);
    t.regex(error.message, message);
    t.is((await tenant.client.list('listVirtualMachines')).length, count, said);
  }
});

test('an instance goes through its life', async (t) => {
  const tenant = await addTenant(api);
  const { client, machineId: id, addressId: ipaddressid } = tenant;
  const forward = { ipaddressid, protocol: 'tcp', publicport: 80, privateport: 80, virtualmachineid: id };
  await client.run('createPortForwardingRule', forward);
  t.like(inside(await client.run('rebootVirtualMachine', { id })), { state: 'Running' });
  t.like(inside(await client.run('stopVirtualMachine', { id })), { state: 'Stopped' });
  t.like(inside(await client.run('updateVirtualMachine', { id, name: 'renamed', displayname: 'Renamed' })), {
    name: 'renamed',
    displayname: 'Renamed',
  });
  t.like(inside(await client.run('startVirtualMachine', { id })), { state: 'Running', name: 'renamed' });
  t.like(inside(await client.run('destroyVirtualMachine', { id })), { state: 'Destroyed' });
  t.deepEqual(await client.list('listPortForwardingRules'), []);
  t.deepEqual(await client.list('listVirtualMachines', { state: 'Present' }), []);
  const error = await t.throwsAsync(client.run('createPortForwardingRule', forward), { instanceOf: ApiCallError });
  t.regex(error.message, /parameter virtualmachineid.*Destroyed/);
  t.like(inside(await client.run('recoverVirtualMachine', { id })), { state: 'Stopped' });
  await client.run('destroyVirtualMachine', { id });
  t.like(inside(await client.call('listCapabilities')), {
    allowuserexpungerecovervm: true,
    allowuserviewdestroyedvm: true,
  });
  t.deepEqual(await client.run('expungeVirtualMachine', { id }), { success: true });
  t.deepEqual(await client.list('listVirtualMachines'), []);
  const again = inside(await deploy(api, tenant, { name: 'renamed' }));
  t.like(inside(await client.run('destroyVirtualMachine', { id: String(again.id), expunge: true })), {
    name: 'renamed',
    state: 'Expunging',
  });
});

test('a full network refuses the next instance', async (t) => {
  const account = await api.account('crowded');
  const { id } = inside(
    await account.client.run('createNetwork', {
      name: 'small',
      zoneid: api.zoneId,
      networkofferingid: api.networkOfferingId,
      gateway: '10.7.0.1',
      netmask: '255.255.255.252',
    }),
  );
  await deploy(api, account, { networkids: String(id), startvm: false });
  const error = await t.throwsAsync(deploy(api, account, { networkids: String(id) }), { instanceOf: ApiCallError });
  t.is(error.errorcode, 533);
});

test('lists narrow by what they are asked', async (t) => {
  const tenant = await addTenant(api);
  const { client, networkId: networkid, machineId } = tenant;
  const count = async (values: Readonly<Record<string, string | boolean>>) =>
    (await client.list('listVirtualMachines', values)).length;
  t.is(await count({ networkid }), 1);
  t.is(await count({ ids: machineId, state: 'running', hypervisor: 'kvm', haenable: false, zoneid: api.zoneId }), 1);
  t.is(await count({ name: `VM-${machineId}`, templateid: api.templateId, userid: tenant.userId }), 1);
  t.is(await count({ serviceofferingid: api.serviceOfferingId, keyword: machineId.slice(0, 8) }), 1);
  t.is(await count({ haenable: true }), 0);
  t.is(await count({ 'tags[0].key': 'a', 'tags[0].value': 'b' }), 0);
  t.is(await count({ state: 'Stopped' }), 0);
  const addresses = async (values: Readonly<Record<string, string | boolean>>) =>
    (await client.list('listPublicIpAddresses', values)).length;
  t.is(await addresses({}), 2);
  t.is(await addresses({ associatednetworkid: networkid, issourcenat: true, isstaticnat: false }), 1);
  t.is(await addresses({ isstaticnat: true }), 0);
  t.is(await addresses({ ipaddress: tenant.address, state: 'allocated', zoneid: api.zoneId }), 1);
  t.is(await addresses({ allocatedonly: false, state: 'free' }), 0);
  t.true(
    (await api.admin.list('listPublicIpAddresses', { allocatedonly: false, listall: true, state: 'Free' })).length > 9,
  );
});

test('routers are for admins', async (t) => {
  const tenant = await addTenant(api);
  const error = await t.throwsAsync(tenant.client.list('listRouters'), { instanceOf: ApiCallError });
  t.is(error.errorcode, 432);
  const pod = await api.db
    .insertInto('pod')
    .values({
      zone_id: api.zoneId,
      name: tenant.username,
      gateway: parseIpv4Address('192.0.2.1'),
      netmask: parseIpv4Address('255.255.255.0'),
      start_ip: parseIpv4Address('192.0.2.2'),
      end_ip: parseIpv4Address('192.0.2.9'),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const network = await api.db
    .selectFrom('network')
    .selectAll()
    .where('id', '=', tenant.networkId)
    .executeTakeFirstOrThrow();
  const router = await api.db
    .insertInto('router')
    .values({
      name: `r-${tenant.username}-VM`,
      network_id: network.id,
      zone_id: api.zoneId,
      pod_id: pod.id,
      host_id: null,
      account_id: network.account_id,
      domain_id: network.domain_id,
      service_offering_id: api.serviceOfferingId,
      guest_mac_address: macFromNumber(1),
      public_mac_address: macFromNumber(2),
      state: 'Running',
      reason: null,
      version: '0.1.0',
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const [shown] = await api.admin.list('listRouters', { networkid: network.id, listall: true, state: 'running' });
  t.like(shown, {
    id: router.id,
    state: 'Running',
    role: 'VIRTUAL_ROUTER',
    guestipaddress: '10.1.1.1',
    guestnetworkname: network.name,
    publicnetmask: '255.255.255.0',
    gateway: '203.0.113.1',
    podname: tenant.username,
    version: '0.1.0',
    isredundantrouter: false,
  });
  t.true(Array.isArray(shown?.nic) && shown.nic.length === 2);
  t.truthy(shown?.publicip);
  t.like(inside(await api.admin.run('stopRouter', { id: router.id })), { id: router.id });
  t.like(inside(await api.admin.run('destroyRouter', { id: router.id })), { id: router.id });
  await api.db.updateTable('router').set({ state: 'Stopped' }).where('id', '=', router.id).execute();
  const refused = await t.throwsAsync(api.admin.run('rebootRouter', { id: router.id }), { instanceOf: ApiCallError });
  t.is(refused.errorcode, 431);
});
