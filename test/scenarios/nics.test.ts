// NICs that come and go while an instance runs, with their leases, names and further addresses.
import type { Host } from '@isthmus/host';
import test from 'ava';
import { type Cloud, createCloud, objectIn, objectsIn, only, type Tenant, text } from '../lab/cloud.ts';
import { answererOf, dig, pings, waitFor } from '../lab/index.ts';

let cloud: Cloud;

test.before(async () => {
  cloud = await createCloud();
});
test.after.always(() => cloud?.teardown());

/** A second network of a tenant; answers with its id. */
async function secondNetwork(tenant: Tenant, cidr: { gateway: string; netmask: string }): Promise<string> {
  const [first] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  const made = await tenant.client.run('createNetwork', {
    name: `${tenant.name}-second`,
    zoneid: cloud.zoneId,
    networkofferingid: String(first?.networkofferingid),
    ...cidr,
  });
  return text(objectIn(made, 'network'), 'id');
}

async function nicsOf(tenant: Tenant, id: string) {
  return tenant.client.list('listNics', { virtualmachineid: id });
}

const has = async (host: Host, args: readonly string[], wanted: RegExp) =>
  wanted.test((await host.commands.run('ip', args, { okCodes: [0, 1] })).stdout);

test('an instance that runs gets a NIC in a further network, is named there, and loses it again', async (t) => {
  const tenant = await cloud.tenant('plug');
  const web = await tenant.deploy('web');
  const other = await secondNetwork(tenant, { gateway: '10.9.9.1', netmask: '255.255.255.0' });
  const neighbour = await tenant.deploy('db', { networkids: other });
  const added = objectIn(
    await tenant.client.run('addNicToVirtualMachine', {
      virtualmachineid: web.id,
      networkid: other,
      ipaddress: '10.9.9.77',
    }),
    'virtualmachine',
  );
  t.is(objectsIn(added, 'nic').length, 2);
  await waitFor('the lease of the new NIC', () =>
    has(web.host, ['-brief', 'address', 'show', 'dev', 'eth1'], /10\.9\.9\.77/),
  );
  t.true(await pings(neighbour.host, '10.9.9.77'));
  const domain = text(only('network', await tenant.client.list('listNetworks', { id: other })), 'networkdomain');
  t.deepEqual(await dig(neighbour.host, '10.9.9.1', `web.${domain}`), ['10.9.9.77']);
  t.true(
    await has(web.host, ['route', 'show', 'default'], /^default via 10\.1\.1\.1 dev eth0[^\n]*\n?$/),
    'one way out',
  );

  const second = only(
    'second NIC',
    (await nicsOf(tenant, web.id)).filter(({ isdefault }) => isdefault === false),
  );
  await t.throwsAsync(tenant.client.run('addNicToVirtualMachine', { virtualmachineid: web.id, networkid: other }), {
    message: /networkid/,
  });
  const first = only(
    'default NIC',
    (await nicsOf(tenant, web.id)).filter(({ isdefault }) => isdefault === true),
  );
  await t.throwsAsync(
    tenant.client.run('removeNicFromVirtualMachine', { virtualmachineid: web.id, nicid: text(first, 'id') }),
    { message: /default/ },
  );
  await tenant.client.run('removeNicFromVirtualMachine', { virtualmachineid: web.id, nicid: text(second, 'id') });
  t.false(await has(web.host, ['link', 'show', 'dev', 'eth1'], /eth1/));
  await waitFor('the name is gone', async () => (await dig(neighbour.host, '10.9.9.1', `web.${domain}`)).length === 0);
  const again = await tenant.deploy('again', { networkids: other, ipaddress: '10.9.9.77' });
  t.is(again.address, '10.9.9.77', 'its address is free');
});

test("a NIC that is being removed becomes neither the default one nor a rule's", async (t) => {
  const tenant = await cloud.tenant('leaving');
  const { client } = tenant;
  const other = await secondNetwork(tenant, { gateway: '10.6.6.1', netmask: '255.255.255.0' });
  const web = await tenant.deploy('web', { networkids: `${tenant.networkId},${other}` });
  const [ip] = await client.list('listPublicIpAddresses', { associatednetworkid: other, issourcenat: true });
  const second = only(
    'second NIC',
    (await nicsOf(tenant, web.id)).filter(({ isdefault }) => isdefault === false),
  );
  const [virtualmachineid, nicid] = [web.id, text(second, 'id')];
  await client.call('removeNicFromVirtualMachine', { virtualmachineid, nicid });
  const target = { virtualmachineid, protocol: 'tcp', publicport: 80, privateport: 80 };
  const results = await Promise.allSettled([
    client.run('updateDefaultNicForVirtualMachine', { virtualmachineid, nicid }),
    client.run('createPortForwardingRule', { ipaddressid: text(ip ?? {}, 'id'), ...target }),
    client.run('addIpToNic', { nicid }),
  ]);
  t.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  await waitFor('the NIC is gone', async () => (await nicsOf(tenant, web.id)).length === 1);
  t.true(only('NIC', await nicsOf(tenant, web.id)).isdefault);
});

test('another NIC becomes the default one, and its lease the one that names a router', async (t) => {
  const tenant = await cloud.tenant('default');
  const other = await secondNetwork(tenant, { gateway: '10.8.8.1', netmask: '255.255.255.0' });
  const web = await tenant.deploy('web', { networkids: `${tenant.networkId},${other}` });
  const nics = await nicsOf(tenant, web.id);
  const second = only(
    'second NIC',
    nics.filter(({ isdefault }) => isdefault === false),
  );
  await waitFor('both leases', () => has(web.host, ['-brief', 'address', 'show', 'dev', 'eth1'], /10\.8\.8\./));
  await tenant.client.run('updateDefaultNicForVirtualMachine', { virtualmachineid: web.id, nicid: text(second, 'id') });
  await tenant.client.run('rebootVirtualMachine', { id: web.id });
  const { host } = web;
  await waitFor('the other way out', () =>
    has(host, ['route', 'show', 'default'], /^default via 10\.8\.8\.1 dev eth1/),
  );
  t.true(await has(host, ['route', 'show', 'default'], /^[^\n]*\n?$/), 'and no other');
});

test('rules lead to a further address of a NIC, which nobody else may use', async (t) => {
  const tenant = await cloud.tenant('further');
  const [web, neighbour] = await Promise.all([tenant.deploy('web'), tenant.deploy('neighbour')]);
  const nic = only('NIC', await nicsOf(tenant, web.id));
  const answer = await tenant.client.run('addIpToNic', { nicid: text(nic, 'id'), ipaddress: '10.1.1.200' });
  const further = objectIn(answer, 'nicsecondaryip');
  t.is(further.ipaddress, '10.1.1.200');
  const [shown] = await nicsOf(tenant, web.id);
  t.deepEqual(shown?.secondaryip, [{ id: further.id, ipaddress: '10.1.1.200' }]);
  await t.throwsAsync(tenant.client.run('addIpToNic', { nicid: text(nic, 'id'), ipaddress: '10.1.1.200' }));
  await t.throwsAsync(tenant.client.run('addIpToNic', { nicid: text(nic, 'id'), ipaddress: '10.7.7.7' }), {
    message: /ipaddress/,
  });
  await web.host.commands.run('ip', ['address', 'add', '10.1.1.200/24', 'dev', 'eth0']);
  t.true(await pings(neighbour.host, '10.1.1.200'));
  const ip = await tenant.sourceNat();
  const forward = await tenant.client.run('createPortForwardingRule', {
    ipaddressid: ip.id,
    virtualmachineid: web.id,
    protocol: 'tcp',
    publicport: 8200,
    privateport: 80,
    vmguestip: '10.1.1.200',
  });
  const rule = objectIn(forward, 'portforwardingrule');
  t.is(rule.vmguestip, '10.1.1.200');
  t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:8200/`), 'web');
  const own = await tenant.associate();
  await tenant.client.run('enableStaticNat', {
    ipaddressid: own.id,
    virtualmachineid: web.id,
    vmguestip: '10.1.1.200',
  });
  await tenant.openIngress(own, { protocol: 'tcp', startport: 80, endport: 80 });
  t.is(await answererOf(cloud.lab.internet, `http://${own.address}/`), 'web');
  const remove = () => tenant.client.run('removeIpFromNic', { id: text(further, 'id') });
  await t.throwsAsync(remove(), { message: /leads to 10\.1\.1\.200/ });
  await tenant.client.run('deletePortForwardingRule', { id: text(rule, 'id') });
  await tenant.client.run('disableStaticNat', { ipaddressid: own.id });
  await remove();
  t.false(await pings(neighbour.host, '10.1.1.200'), 'the port lets it through no more');
});

test('a stopped instance gets another address, and its rules follow', async (t) => {
  const tenant = await cloud.tenant('moved');
  const web = await tenant.deploy('web');
  const ip = await tenant.sourceNat();
  await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
  const nic = only('NIC', await nicsOf(tenant, web.id));
  const move = () => tenant.client.run('updateVmNicIp', { nicid: text(nic, 'id'), ipaddress: '10.1.1.150' });
  await t.throwsAsync(move(), { message: /Stopped/ });
  await tenant.client.run('stopVirtualMachine', { id: web.id });
  await move();
  await tenant.client.run('startVirtualMachine', { id: web.id });
  await tenant.leased(web.id, '10.1.1.150');
  t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:8080/`), 'web');
});
