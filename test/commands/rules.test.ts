import { ApiCallError, type ApiClient } from '@isthmus/api-client';
import test from 'ava';
import {
  addTenant,
  deploy,
  inside,
  refusedPort,
  startTenantApi,
  type Tenant,
  type TenantApi,
} from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi(200);
});
test.after.always(() => api?.close());

/** Every row that a tenant's command may change, as text. */
async function rowsOf(accountId: string): Promise<string> {
  const tables = ['network', 'firewall_rule', 'port_forwarding_rule', 'public_ip_address', 'virtual_machine'] as const;
  const rows = await Promise.all(
    tables.map((table) =>
      api.db.selectFrom(table).selectAll().where('account_id', '=', accountId).orderBy('id').execute(),
    ),
  );
  const nics = await api.db.selectFrom('nic').selectAll().orderBy('id').execute();
  const machines = new Set(rows[4]?.map(({ id }) => id));
  return JSON.stringify([...rows, nics.filter((nic) => machines.has(nic.virtual_machine_id))]);
}

async function codeOf(client: ApiClient, command: string, values: Readonly<Record<string, string | number | boolean>>) {
  try {
    await client.run(command, values);
    return 0;
  } catch (error) {
    if (error instanceof ApiCallError) return error.errorcode;
    throw error;
  }
}

const forward = (tenant: Tenant) => ({
  ipaddressid: tenant.addressId,
  protocol: 'tcp',
  publicport: 8080,
  privateport: 80,
  virtualmachineid: tenant.machineId,
});

test('a forward opens the firewall for its ports, and takes the opening along', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const rule = inside(await client.run('createPortForwardingRule', forward(tenant)));
  t.like(rule, {
    publicport: '8080',
    publicendport: '8080',
    privateport: '80',
    privateendport: '80',
    protocol: 'tcp',
    state: 'Active',
    ipaddress: tenant.address,
    virtualmachineid: tenant.machineId,
    vmguestip: '10.1.1.2',
    networkid: tenant.networkId,
    cidrlist: '',
    tags: [],
  });
  const [opened] = await client.list('listFirewallRules', { ipaddressid: tenant.addressId });
  t.like(opened, { protocol: 'tcp', startport: 8080, endport: 8080, cidrlist: '0.0.0.0/0', state: 'Active' });
  await client.run('deletePortForwardingRule', { id: String(rule.id) });
  t.deepEqual(await client.list('listPortForwardingRules'), []);
  t.deepEqual(await client.list('listFirewallRules'), []);
});

test('a forward opens the firewall for its CIDRs alone, or not at all', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const cidrlist = '198.51.100.0/24,192.0.2.7/32';
  const rule = inside(await client.run('createPortForwardingRule', { ...forward(tenant), cidrlist }));
  t.is(rule.cidrlist, cidrlist);
  t.like((await client.list('listFirewallRules'))[0], { cidrlist });
  await client.run('createPortForwardingRule', { ...forward(tenant), publicport: 9090, openfirewall: 'False' });
  t.is((await client.list('listFirewallRules')).length, 1);
});

test('a forward uses a firewall rule that admits its ports already', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  await client.run('createFirewallRule', {
    ipaddressid: tenant.addressId,
    protocol: 'tcp',
    startport: 8000,
    endport: 9000,
  });
  await client.run('createPortForwardingRule', forward(tenant));
  t.is((await client.list('listFirewallRules')).length, 1);
});

test('a forward that the router refuses leaves no port open', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const refused = { ...forward(tenant), privateport: refusedPort };
  t.is(await codeOf(client, 'createPortForwardingRule', refused), 530);
  t.deepEqual(await client.list('listPortForwardingRules'), []);
  t.deepEqual(await client.list('listFirewallRules'), []);
});

test('a forward is changed in place', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const values = { ...forward(tenant), publicendport: 8084, privateport: 80, privateendport: 84 };
  const { id } = inside(await client.run('createPortForwardingRule', values));
  const changed = await client.run('updatePortForwardingRule', { id: String(id), privateport: 8000 });
  t.like(inside(changed), { publicport: '8080', publicendport: '8084', privateport: '8000', privateendport: '8004' });
  t.is(await codeOf(client, 'updatePortForwardingRule', { id: String(id), privateendport: 90 }), 431);
  t.is(await codeOf(client, 'updatePortForwardingRule', { id: String(id), privateport: 65534 }), 431);
});

test('firewall rules echo what was asked for', async (t) => {
  const tenant = await addTenant(api);
  const { client, addressId: ipaddressid, networkId: networkid } = tenant;
  const icmp = { ipaddressid, protocol: 'ICMP', icmptype: 8, cidrlist: '192.0.2.0/24' };
  const rule = inside(await client.run('createFirewallRule', icmp));
  t.like(rule, { protocol: 'icmp', icmptype: 8, icmpcode: -1, cidrlist: '192.0.2.0/24', traffictype: 'Ingress' });
  t.false('startport' in rule);
  t.false('destcidrlist' in rule);
  const egress = { networkid, protocol: 'tcp', startport: 443, cidrlist: '10.1.1.0/25', destcidrlist: '192.0.2.0/24' };
  const permitted = inside(await client.run('createEgressFirewallRule', egress));
  t.like(permitted, { startport: 443, endport: 443, cidrlist: '10.1.1.0/25', destcidrlist: '192.0.2.0/24' });
  const everything = inside(await client.run('createEgressFirewallRule', { networkid, protocol: 'all' }));
  t.like(everything, { protocol: 'all', cidrlist: '10.1.1.0/24', traffictype: 'Egress' });
  t.is((await client.list('listEgressFirewallRules', { networkid })).length, 2);
  t.is((await client.list('listFirewallRules', { networkid })).length, 1);
  t.is(await codeOf(client, 'deleteFirewallRule', { id: String(permitted.id) }), 431);
  await client.run('deleteEgressFirewallRule', { id: String(permitted.id) });
  t.is((await client.list('listEgressFirewallRules', { networkid })).length, 1);
});

test('static NAT is in force when it answers, and ends with its instance', async (t) => {
  const tenant = await addTenant(api);
  const { client, addressId: ipaddressid, machineId: virtualmachineid } = tenant;
  t.deepEqual(await client.run('enableStaticNat', { ipaddressid, virtualmachineid }), { success: true });
  t.like((await client.list('listPublicIpAddresses', { id: ipaddressid }))[0], {
    isstaticnat: true,
    virtualmachineid,
    vmipaddress: '10.1.1.2',
  });
  t.like((await client.list('listVirtualMachines', { id: virtualmachineid }))[0], { publicip: tenant.address });
  t.deepEqual(await client.run('enableStaticNat', { ipaddressid, virtualmachineid }), { success: true });
  await client.run('destroyVirtualMachine', { id: virtualmachineid });
  t.like((await client.list('listPublicIpAddresses', { id: ipaddressid }))[0], { isstaticnat: false });
});

test('what the domain forbids is refused with its code, and nothing changes', async (t) => {
  const tenant = await addTenant(api);
  const { client, addressId: ipaddressid, networkId: networkid, machineId: virtualmachineid } = tenant;
  const elsewhere = inside(
    await client.run('createNetwork', {
      name: 'elsewhere',
      zoneid: api.zoneId,
      networkofferingid: api.networkOfferingId,
      gateway: '10.9.0.1',
      netmask: '255.255.255.0',
    }),
  );
  const stray = inside(await deploy(api, tenant, { networkids: String(elsewhere.id) }));
  const [sourceNat] = await client.list('listPublicIpAddresses', { issourcenat: true, associatednetworkid: networkid });
  const taken = inside(await client.run('associateIpAddress', { networkid }));
  await client.run('enableStaticNat', { ipaddressid: String(taken.id), virtualmachineid });
  await client.run('createPortForwardingRule', { ...forward(tenant), publicendport: 8090, privateendport: 90 });
  await client.run('createEgressFirewallRule', { networkid, protocol: 'udp', startport: 53 });

  const sourceNatId = String(sourceNat?.id);
  const takenId = String(taken.id);
  const strayId = String(stray.id);
  const other = { ...forward(tenant), publicport: 100 };
  const zone = { zoneid: api.zoneId, networkofferingid: api.networkOfferingId, name: 'n' };
  const cases: readonly (readonly [number, string, Readonly<Record<string, string | number | boolean>>, RegExp])[] = [
    [537, 'createPortForwardingRule', { ...forward(tenant), publicport: 8085 }, /publicport.*8080-8090/],
    [
      537,
      'createPortForwardingRule',
      { ...other, publicport: 8090, publicendport: 8099, privateendport: 89 },
      /conflicts/,
    ],
    [431, 'createPortForwardingRule', { ...other, publicendport: 110, privateendport: 81 }, /privateendport/],
    [431, 'createPortForwardingRule', { ...other, publicendport: 99 }, /publicendport/],
    [431, 'createPortForwardingRule', { ...other, publicport: 0 }, /publicport/],
    [431, 'createPortForwardingRule', { ...other, publicport: 65536 }, /publicport/],
    [431, 'createPortForwardingRule', { ...other, protocol: 'icmp' }, /protocol/],
    [431, 'createPortForwardingRule', { ...other, virtualmachineid: strayId }, /virtualmachineid/],
    [431, 'createPortForwardingRule', { ...other, networkid: String(elsewhere.id) }, /networkid/],
    [431, 'createPortForwardingRule', { ...other, vmguestip: '10.1.1.77' }, /vmguestip/],
    [431, 'createPortForwardingRule', { ...other, ipaddressid: takenId }, /static NAT/],
    [431, 'createPortForwardingRule', { ...other, openfirewall: false, cidrlist: '192.0.2.0/24' }, /cidrlist/],
    [431, 'createPortForwardingRule', { ...other, cidrlist: '192.0.2.1/24' }, /cidrlist/],
    [431, 'updatePortForwardingRule', { id: virtualmachineid, privateport: 1 }, /id/],
    [537, 'enableStaticNat', { ipaddressid, virtualmachineid }, /port forwarding rule/],
    [431, 'enableStaticNat', { ipaddressid: sourceNatId, virtualmachineid }, /source NAT/],
    [431, 'enableStaticNat', { ipaddressid: takenId, virtualmachineid: strayId }, /virtualmachineid/],
    [431, 'disableStaticNat', { ipaddressid }, /static NAT/],
    [537, 'createFirewallRule', { ipaddressid, protocol: 'tcp', startport: 8080, endport: 8090 }, /conflicts/],
    [537, 'createFirewallRule', { ipaddressid, protocol: 'tcp' }, /conflicts/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'tcp', startport: 10, endport: 9 }, /endport/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'tcp', endport: 9 }, /startport/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'tcp', icmptype: 8 }, /icmptype/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'icmp', startport: 8 }, /startport/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'icmp', icmptype: 256 }, /icmptype/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'gre' }, /protocol/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'tcp', cidrlist: '10.0.0.0/33' }, /cidrlist/],
    [431, 'createFirewallRule', { ipaddressid, protocol: 'tcp', cidrlist: '10.0.0.0/8\n' }, /cidrlist/],
    [431, 'createEgressFirewallRule', { networkid, protocol: 'tcp', cidrlist: '10.2.0.0/24' }, /cidrlist/],
    [431, 'createEgressFirewallRule', { networkid, protocol: 'tcp', cidrlist: '10.0.0.0/8' }, /cidrlist/],
    [537, 'createEgressFirewallRule', { networkid, protocol: 'udp', startport: 50, endport: 60 }, /conflicts/],
    [431, 'disassociateIpAddress', { id: sourceNatId }, /source NAT/],
    [431, 'associateIpAddress', { networkid, ipaddress: '198.51.100.1' }, /ipaddress/],
    [533, 'associateIpAddress', { networkid, ipaddress: tenant.address }, /./],
    [431, 'associateIpAddress', { zoneid: api.zoneId }, /networkid/],
    [431, 'associateIpAddress', {}, /networkid/],
    [431, 'createNetwork', { ...zone, gateway: '10.4.0.0', netmask: '255.255.255.0' }, /gateway/],
    [431, 'createNetwork', { ...zone, gateway: '10.4.0.1', netmask: '255.0.255.0' }, /netmask/],
    [431, 'createNetwork', { ...zone, gateway: '10.4.0.1' }, /netmask/],
    [431, 'createNetwork', { ...zone, gateway: '203.0.113.1', netmask: '255.255.255.0' }, /gateway/],
    [431, 'createNetwork', { ...zone, startip: '10.1.1.9' }, /startip/],
    [431, 'createNetwork', { ...zone, gateway: '10.4.0.1', netmask: '255.255.255.0', startip: '10.5.0.1' }, /startip/],
    [431, 'createNetwork', { ...zone, networkdomain: 'a b' }, /networkdomain/],
    [431, 'createNetwork', { ...zone, name: 'a\nb' }, /name/],
    [431, 'createNetwork', { ...zone, vpcid: networkid }, /vpcid/],
    [431, 'createNetwork', { ...zone, privatemtu: 10 }, /privatemtu/],
    [431, 'updateVirtualMachine', { id: virtualmachineid, name: 'other' }, /name/],
    [431, 'updateVirtualMachine', { id: virtualmachineid, displayname: 'a\u2028b' }, /displayname/],
    [431, 'startVirtualMachine', { id: virtualmachineid }, /state Running/],
    [431, 'recoverVirtualMachine', { id: virtualmachineid }, /state Running/],
    [431, 'expungeVirtualMachine', { id: virtualmachineid }, /state Running/],
  ];
  const before = await rowsOf(tenant.accountId);
  for (const [code, command, values, message] of cases) {
    const said = `${command} ${JSON.stringify(values)}`;
    const error = await t.throwsAsync(client.run(command, values), { instanceOf: ApiCallError }, said);
    t.is(error.errorcode, code, `${said}: ${error.message}`);
    if (code !== 533) t.regex(error.message, message, said);
    t.is(await rowsOf(tenant.accountId), before, said);
  }
});

test('what refers to nothing is taken as clients write it', async (t) => {
  const tenant = await addTenant(api);
  const values = { ...forward(tenant), vpc_id: 'None', openfirewall: 'True' };
  t.is(await codeOf(tenant.client, 'createPortForwardingRule', values), 0);
  t.is((await tenant.client.list('listNetworks', { vpcid: 'None' })).length, 1);
  t.is((await tenant.client.list('listVirtualMachines', { vpcid: tenant.networkId })).length, 0);
});

test('an address that is released takes its rules along', async (t) => {
  const tenant = await addTenant(api);
  const { client, addressId } = tenant;
  await client.run('createPortForwardingRule', forward(tenant));
  await client.run('disassociateIpAddress', { id: addressId });
  t.deepEqual(await client.list('listPortForwardingRules'), []);
  t.deepEqual(await client.list('listFirewallRules'), []);
  const changes = await api.db
    .selectFrom('network_change')
    .select('collection')
    .where('network_id', '=', tenant.networkId)
    .where('entry_id', '=', addressId)
    .execute();
  t.true(changes.some(({ collection }) => collection === 'routing.publicAddresses'));
});
