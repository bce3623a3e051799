// Load balancer rules, their members, policies and certificates, over the API.
import { ApiCallError, type ApiClient, type ApiValues } from '@isthmus/api-client';
import { makeCertificate } from '@isthmus/orchestrator/model/certificate-fixture';
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

const statistics: { value: { rules: object[]; members: object[] } | null } = { value: null };

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi(200, () => ({
    loadBalancerStatistics: async () => statistics.value as never,
    sealSecret: (text) => `sealed(${text.length})`,
  }));
});
test.after.always(() => api?.close());

async function codeOf(client: ApiClient, command: string, values: ApiValues): Promise<number> {
  try {
    await client.run(command, values);
    return 0;
  } catch (error) {
    if (error instanceof ApiCallError) return error.errorcode;
    throw error;
  }
}

const wanted = (tenant: Tenant, more: ApiValues = {}): ApiValues => ({
  publicipid: tenant.addressId,
  name: 'web',
  algorithm: 'roundrobin',
  publicport: 80,
  privateport: 8080,
  ...more,
});

async function addRule(tenant: Tenant, more: ApiValues = {}): Promise<string> {
  return String(inside(await tenant.client.run('createLoadBalancerRule', wanted(tenant, more))).id);
}

test('a rule answers with what clients read, opens the firewall, and takes the opening along', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const cidrlist = '192.0.2.0/24,198.51.100.0/24';
  const answer = await client.run('createLoadBalancerRule', wanted(tenant, { cidrlist, clienttimeout: 1000 }));
  t.deepEqual(Object.keys(answer), ['loadbalancer']);
  const rule = inside(answer);
  t.like(rule, {
    name: 'web',
    publicipid: tenant.addressId,
    publicip: tenant.address,
    publicport: '80',
    privateport: '8080',
    algorithm: 'roundrobin',
    protocol: 'tcp',
    networkid: tenant.networkId,
    zoneid: api.zoneId,
    cidrlist,
    state: 'Active',
    clienttimeout: 1000,
    tags: [],
  });
  t.false('servertimeout' in rule);
  const [opened] = await client.list('listFirewallRules', { ipaddressid: tenant.addressId });
  t.like(opened, { protocol: 'tcp', startport: 80, endport: 80, cidrlist: '0.0.0.0/0' });
  const [address] = await client.list('listPublicIpAddresses', { id: tenant.addressId });
  t.true(address?.hasrules);
  await client.run('deleteLoadBalancerRule', { id: String(rule.id) });
  t.deepEqual(await client.call('listLoadBalancerRules', {}), {});
  t.deepEqual(await client.list('listFirewallRules'), []);
});

test('the filter by name is exact, and the others narrow', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const [one, two] = [
    await addRule(tenant),
    await addRule(tenant, { name: 'web2', publicport: 81, openfirewall: false }),
  ];
  await client.run('assignToLoadBalancerRule', { id: two, virtualmachineids: tenant.machineId });
  const ids = async (values: ApiValues) => (await client.list('listLoadBalancerRules', values)).map(({ id }) => id);
  t.deepEqual(await ids({ name: 'web' }), [one]);
  t.deepEqual(await ids({ name: 'we' }), []);
  t.deepEqual(await ids({ publicipid: tenant.addressId }), [one, two]);
  t.deepEqual(await ids({ networkid: tenant.networkId, zoneid: api.zoneId, keyword: 'web2' }), [two]);
  t.deepEqual(await ids({ virtualmachineid: tenant.machineId }), [two]);
  await client.run('createTags', {
    resourceids: one,
    resourcetype: 'LoadBalancer',
    'tags[0].key': 'tier',
    'tags[0].value': 'front',
  });
  t.deepEqual(await ids({ 'tags[0].key': 'tier', 'tags[0].value': 'front' }), [one]);
});

test('one port goes one way: load balancers, forwards and static NAT refuse each other', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  await addRule(tenant);
  const forward = { ipaddressid: tenant.addressId, virtualmachineid: tenant.machineId, privateport: 80 };
  for (const protocol of ['tcp', 'tcp-proxy', 'ssl']) {
    t.is(await codeOf(client, 'createLoadBalancerRule', wanted(tenant, { protocol })), 537, protocol);
  }
  t.is(await codeOf(client, 'createPortForwardingRule', { ...forward, protocol: 'tcp', publicport: 80 }), 537);
  const range = { protocol: 'tcp', publicport: 70, publicendport: 90, privateport: 70, privateendport: 90 };
  t.is(await codeOf(client, 'createPortForwardingRule', { ...forward, ...range }), 537);
  const nat = { ipaddressid: tenant.addressId, virtualmachineid: tenant.machineId };
  t.is(await codeOf(client, 'enableStaticNat', nat), 537);
  t.is(await codeOf(client, 'createPortForwardingRule', { ...forward, protocol: 'udp', publicport: 80 }), 0);
  t.is(await codeOf(client, 'createLoadBalancerRule', wanted(tenant, { protocol: 'udp' })), 537);
  t.is(await codeOf(client, 'createLoadBalancerRule', wanted(tenant, { protocol: 'udp', publicport: 53 })), 0);
  t.is(await codeOf(client, 'createPortForwardingRule', { ...forward, protocol: 'tcp', publicport: 53 }), 0);
  t.is(await codeOf(client, 'createPortForwardingRule', { ...forward, protocol: 'udp', publicport: 53 }), 537);
  const second = String(inside(await client.run('associateIpAddress', { networkid: tenant.networkId })).id);
  await client.run('enableStaticNat', { ...nat, ipaddressid: second });
  t.is(await codeOf(client, 'createLoadBalancerRule', wanted(tenant, { publicipid: second })), 431);
});

test('a rule that the router refuses leaves nothing behind', async (t) => {
  const tenant = await addTenant(api);
  t.is(await codeOf(tenant.client, 'createLoadBalancerRule', wanted(tenant, { privateport: refusedPort })), 530);
  t.deepEqual(await tenant.client.list('listLoadBalancerRules'), []);
  t.deepEqual(await tenant.client.list('listFirewallRules'), []);
});

test('instances come, are listed with their state, and go', async (t) => {
  const tenant = await addTenant(api);
  const { client, machineId } = tenant;
  const second = String(inside(await deploy(api, tenant, { networkids: tenant.networkId, name: 'two' })).id);
  const id = await addRule(tenant);
  const assign = (values: ApiValues) => codeOf(client, 'assignToLoadBalancerRule', { id, ...values });
  t.is(await assign({}), 431);
  t.is(await assign({ virtualmachineids: `${machineId},${machineId}` }), 0);
  t.is(await assign({ virtualmachineids: machineId }), 431, 'behind it already');
  t.is(await assign({ 'vmidipmap[0].vmid': second, 'vmidipmap[0].vmip': '10.1.1.77' }), 431);
  t.is(await assign({ 'vmidipmap[0].vmid': second, 'vmidipmap[0].vmip': '10.1.1.3' }), 0);
  const members = await api.db
    .selectFrom('load_balancer_member')
    .selectAll()
    .where('load_balancer_rule_id', '=', id)
    .execute();
  t.deepEqual(members.map(({ address, state }) => `${address} ${state}`).sort(), [
    '10.1.1.2 Active',
    '10.1.1.3 Active',
  ]);
  const down = members.find(({ virtual_machine_id: machine }) => machine === second)?.id;
  const counts = { lastCheck: '', currentConnections: 0, totalConnections: 0, bytesIn: 0, bytesOut: 0 };
  statistics.value = {
    rules: [{ rule: id, currentConnections: 1, totalConnections: 2, deniedConnections: 3, bytesIn: 4, bytesOut: 5 }],
    members: members.map((member) => ({
      rule: id,
      member: member.id,
      state: member.id === down ? 'down' : 'up',
      ...counts,
    })),
  };
  const instances = await client.list('listLoadBalancerRuleInstances', { id });
  t.deepEqual(
    instances.map((each) => [each.id, each.servicestate]),
    [
      [machineId, 'UP'],
      [second, 'DOWN'],
    ],
  );
  t.like(instances[0], { nic: [{ ipaddress: '10.1.1.2' }] });
  const [rule] = await client.list('listLoadBalancerRules', { id, statistics: true });
  t.deepEqual(rule?.statistics, {
    currentconnections: 1,
    totalconnections: 2,
    deniedconnections: 3,
    bytesin: 4,
    bytesout: 5,
    instancesup: 1,
    instancesdown: 1,
  });
  statistics.value = null;
  const withAddresses = await client.call('listLoadBalancerRuleInstances', { id, lbvmips: true });
  t.is(withAddresses.count, 2);
  t.like((withAddresses.lbrulevmidip as object[])[0], {
    lbvmipaddresses: ['10.1.1.2'],
    loadbalancerruleinstance: { id: machineId },
  });
  t.deepEqual(await client.call('listLoadBalancerRuleInstances', { id, applied: false }), {});
  const remove = (values: ApiValues) => codeOf(client, 'removeFromLoadBalancerRule', { id, ...values });
  t.is(await remove({ virtualmachineids: machineId }), 0);
  t.is(await remove({ virtualmachineids: machineId }), 431);
  t.deepEqual(
    (await client.list('listLoadBalancerRuleInstances', { id, applied: false })).map((each) => each.id),
    [machineId],
  );
  await client.run('destroyVirtualMachine', { id: second, expunge: true });
  t.deepEqual(await client.call('listLoadBalancerRuleInstances', { id }), {});
});

test('an instance of another network is refused', async (t) => {
  const tenant = await addTenant(api);
  const network = inside(
    await tenant.client.run('createNetwork', {
      name: 'elsewhere',
      zoneid: api.zoneId,
      networkofferingid: api.networkOfferingId,
    }),
  );
  const other = String(inside(await deploy(api, tenant, { networkids: String(network.id), name: 'other' })).id);
  const id = await addRule(tenant);
  t.is(await codeOf(tenant.client, 'assignToLoadBalancerRule', { id, virtualmachineids: other }), 431);
});

test('policies are shown as clients read them, one of each kind', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const lbruleid = await addRule(tenant);
  const params = { 'param[0].name': 'expire', 'param[0].value': '30m' };
  const values = { lbruleid, name: 'stick', methodname: 'SourceBased', ...params };
  const created = inside(await client.run('createLBStickinessPolicy', values));
  t.like(created, { lbruleid, name: 'stick', zoneid: api.zoneId, account: tenant.username });
  const [policy] = created.stickinesspolicy as { id: string }[];
  t.like(policy, { name: 'stick', methodname: 'SourceBased', params: { expire: '30m' }, state: 'Active' });
  t.is(await codeOf(client, 'createLBStickinessPolicy', values), 431, 'a second one');
  t.like(await client.call('listLBStickinessPolicies', { lbruleid }), { count: 1, stickinesspolicies: [{ lbruleid }] });
  await client.run('updateLBStickinessPolicy', { id: policy?.id ?? '' });
  await client.run('deleteLBStickinessPolicy', { id: policy?.id ?? '' });
  t.deepEqual(await client.call('listLBStickinessPolicies', { lbruleid }), {});

  const check = inside(await client.run('createLBHealthCheckPolicy', { lbruleid, pingpath: '/up', intervaltime: 3 }));
  const [made] = check.healthcheckpolicy as { id: string }[];
  t.like(made, {
    pingpath: '/up',
    healthcheckinterval: 3,
    responsetime: 3,
    healthcheckthresshold: 2,
    unhealthcheckthresshold: 10,
  });
  const id = made?.id ?? '';
  await client.run('updateLBHealthCheckPolicy', { id, unhealthythreshold: 4 });
  t.like(await client.call('listLBHealthCheckPolicies', { id }), {
    healthcheckpolicies: [{ healthcheckpolicy: [{ id, pingpath: '/up', unhealthcheckthresshold: 4 }] }],
  });
  await client.run('deleteLBHealthCheckPolicy', { id });
  t.deepEqual(await client.call('listLBHealthCheckPolicies', { lbruleid }), {});
  t.is(await codeOf(client, 'listLBHealthCheckPolicies', {}), 431);
});

test('certificates are sealed, assigned by name, exchanged, and not deleted while a rule has them', async (t) => {
  const tenant = await addTenant(api);
  const { client } = tenant;
  const upload = async (name: string, names: readonly string[]) => {
    const made = await makeCertificate({ name, names });
    const { certificate, privateKey: privatekey } = made;
    const answer = inside(await client.call('uploadSslCert', { name, certificate, privatekey }));
    t.false(JSON.stringify(answer).includes(privatekey.split('\n')[1] ?? ''));
    return String(answer.id);
  };
  const shop = await upload('shop', ['shop.example']);
  const [blog, shopAnew] = [await upload('blog', ['blog.example']), await upload('shop-2', ['shop.example'])];
  const plain = await addRule(tenant, { publicport: 8443 });
  const lbruleid = await addRule(tenant, { publicport: 443, protocol: 'ssl' });
  const assign = (certid: string, more: ApiValues = {}) =>
    codeOf(client, 'assignCertToLoadBalancer', { lbruleid, certid, ...more });
  t.is(await assign(shop, { lbruleid: plain }), 431, 'not of protocol ssl');
  t.is(await assign(shop), 0);
  t.is(await assign(shop), 431, 'has it already');
  t.is(await assign(blog), 0, 'another name');
  t.is(await assign(shopAnew), 431, 'a name that it has');
  const listed = async () => (await client.list('listSslCerts', { lbruleid })).map(({ id }) => id);
  t.deepEqual(await listed(), [shop, blog]);
  t.is(await codeOf(client, 'deleteSslCert', { id: blog }), 536);
  t.is(await codeOf(client, 'updateLoadBalancerRule', { id: lbruleid, protocol: 'tcp' }), 431);
  await client.run('removeCertFromLoadBalancer', { lbruleid, certid: blog });
  t.deepEqual(await listed(), [shop]);
  t.is(await assign(shopAnew, { forced: true }), 0);
  t.deepEqual(await listed(), [shopAnew]);
  t.is(await codeOf(client, 'deleteSslCert', { id: shop }), 0);
  await client.run('removeCertFromLoadBalancer', { lbruleid });
  t.is(await codeOf(client, 'removeCertFromLoadBalancer', { lbruleid }), 431);
  t.deepEqual(
    (await client.list('listSslCerts')).map(({ id }) => id),
    [blog, shopAnew],
  );
  const stored = await api.db.selectFrom('ssl_certificate').select('sealed_private_key').execute();
  t.true(stored.every(({ sealed_private_key: sealed }) => sealed.startsWith('sealed(')));
});

test('a certificate of another account is out of reach, and its name is free for others', async (t) => {
  const [tenant, other] = [await addTenant(api), await addTenant(api)];
  const { certificate, privateKey: privatekey } = await makeCertificate({ name: 'one.example' });
  const values = { name: 'mine', certificate, privatekey };
  const certid = String(inside(await other.client.call('uploadSslCert', values)).id);
  t.is(await codeOf(other.client, 'uploadSslCert', values), 431);
  t.is(await codeOf(tenant.client, 'uploadSslCert', values), 0);
  const lbruleid = await addRule(tenant, { protocol: 'ssl' });
  t.is(await codeOf(tenant.client, 'assignCertToLoadBalancer', { lbruleid, certid }), 531);
  t.is(await codeOf(api.admin, 'assignCertToLoadBalancer', { lbruleid, certid }), 431);
});

test('a released address takes its load balancers along', async (t) => {
  const tenant = await addTenant(api);
  await addRule(tenant);
  await tenant.client.run('disassociateIpAddress', { id: tenant.addressId });
  t.deepEqual(await tenant.client.list('listLoadBalancerRules'), []);
});
