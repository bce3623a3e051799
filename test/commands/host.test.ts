// Hosts, their tokens and their power as an admin sees them.
import type { ApiObject } from '@isthmus/api-client';
import { startTestApi, type TestApi } from '@isthmus/orchestrator/api/testing';
import test from 'ava';

let api: TestApi;
let place: { zoneid: string; podid: string; clusterid: string; hypervisor: string };
test.before(async () => {
  api = await startTestApi();
  const { admin } = api;
  const zone = await admin.run('createZone', {
    name: 'z',
    networktype: 'Advanced',
    dns1: '192.0.2.1',
    internaldns1: '192.0.2.1',
  });
  const zoneid = idOf(zone.zone);
  const pod = { name: 'p', gateway: '192.0.2.1', netmask: '255.255.255.0', startip: '192.0.2.10', endip: '192.0.2.20' };
  const podid = idOf((await admin.run('createPod', { zoneid, ...pod })).pod);
  await admin.run('addCluster', { zoneid, podid, clustername: 'c', clustertype: 'CloudManaged', hypervisor: 'KVM' });
  const clusterid = String((await admin.list('listClusters', {}))[0]?.id);
  place = { zoneid, podid, clusterid, hypervisor: 'KVM' };
});
test.after.always(() => api?.close());

function idOf(value: unknown): string {
  return String((value as ApiObject).id);
}

async function add(url: string): Promise<ApiObject> {
  const answer = await api.admin.run('addHost', { ...place, url });
  return (answer.host as ApiObject[])[0] ?? {};
}

const listed = async (id: string) => (await api.admin.list('listHosts', { id }))[0] ?? {};

test.serial('addHost with an https url answers with a join token, which nothing tells again', async (t) => {
  const host = await add('https://192.0.2.7:8250');
  t.is(host.state, 'Connecting');
  t.is(host.ipaddress, '192.0.2.7');
  t.regex(String(host.jointoken), /^isthmus-join\./);
  t.is((host.details as ApiObject).jointoken, host.jointoken);
  const again = await listed(idOf(host));
  t.is(again.jointoken, undefined);
  t.false(JSON.stringify(again).includes('isthmus-join'));
  t.is(again.memorytotal, undefined);
  const row = await api.db.selectFrom('host').selectAll().where('id', '=', idOf(host)).executeTakeFirstOrThrow();
  t.is(row.sealed_join_secret, 'sealed');
  t.true((row.join_expires?.getTime() ?? 0) > Date.now() + 3_000_000);
});

test.serial('addHost again renews the token of a host that is not Up, and refuses one that is', async (t) => {
  const url = 'https://[2001:db8::7]:8250';
  const host = await add(url);
  t.is(host.ipaddress, '2001:db8::7');
  const again = await add(url);
  t.is(again.id, host.id);
  t.is(typeof again.jointoken, 'string');
  await api.db.updateTable('host').set({ state: 'Up' }).where('id', '=', idOf(host)).execute();
  await t.throwsAsync(add(url), { message: /a host that was not added yet/ });
});

for (const url of [
  'https://192.0.2.7',
  'https://192.0.2.7:0',
  'https://192.0.2.7:99999',
  'http://192.0.2.7:8250',
  'https://a/b:1',
  'https://-a:1',
  'https://a@b:1',
]) {
  test.serial(`addHost refuses ${url}`, async (t) => {
    await t.throwsAsync(add(url), { message: /for parameter url: expected/ });
  });
}

test.serial('out-of-band management is configured, enabled, asked and never shows its password', async (t) => {
  const { admin } = api;
  const hostid = idOf(await add('https://192.0.2.8:8250'));
  await t.throwsAsync(admin.run('enableOutOfBandManagementForHost', { hostid }), { message: /is configured/ });
  const values = {
    hostid,
    driver: 'ipmitool',
    address: '192.0.2.9',
    port: 623,
    username: 'admin',
    password: 'secret-1',
  };
  const answer = await admin.run('configureOutOfBandManagement', values);
  t.deepEqual(answer.outofbandmanagement, {
    hostid,
    powerstate: 'Disabled',
    enabled: false,
    driver: 'ipmitool',
    address: '192.0.2.9',
    port: '623',
    username: 'admin',
    status: true,
  });
  await t.throwsAsync(admin.run('issueOutOfBandManagementPowerAction', { hostid, action: 'OFF' }), {
    message: /is enabled/,
  });
  await admin.run('enableOutOfBandManagementForHost', { hostid });
  const done = await admin.run('issueOutOfBandManagementPowerAction', { hostid, action: 'status' });
  t.is((done.outofbandmanagement as ApiObject).powerstate, 'On');
  await admin.run('changeOutOfBandManagementPassword', { hostid, password: 'secret-2' });
  t.is((await listed(hostid)).outofbandmanagement === undefined, false);
  t.is((await admin.list('listHosts', { outofbandmanagementenabled: true })).length, 1);
  await admin.run('disableOutOfBandManagementForHost', { hostid });
  t.is((await admin.list('listHosts', { outofbandmanagementenabled: true })).length, 0);
  const dump = JSON.stringify([
    await api.db.selectFrom('async_job').selectAll().execute(),
    await api.db.selectFrom('event').selectAll().execute(),
    await api.db.selectFrom('out_of_band_management').selectAll().execute(),
  ]);
  t.false(dump.includes('secret-'));
  for (const password of ['', 'with blank', 'quo"te', 'x'.repeat(21)]) {
    const error = await t.throwsAsync(admin.run('configureOutOfBandManagement', { ...values, password }));
    t.true(password === '' || !error?.message.includes(password));
  }
  await t.throwsAsync(admin.run('configureOutOfBandManagement', { ...values, username: '-Uroot' }), {
    message: /username/,
  });
});

test.serial('only a lost host is declared degraded; that is the word that it is off', async (t) => {
  const { admin } = api;
  const id = idOf(await add('https://192.0.2.10:8250'));
  await t.throwsAsync(admin.run('declareHostAsDegraded', { id }), { message: /expected a host in state Alert/ });
  await api.db.updateTable('host').set({ state: 'Alert', driver: 'libvirt' }).where('id', '=', id).execute();
  await admin.run('declareHostAsDegraded', { id });
  const host = await listed(id);
  t.is(host.state, 'Down');
  t.is(host.resourcestate, 'Degraded');
  t.is(typeof (host.details as ApiObject).fenced, 'string');
  await t.throwsAsync(admin.run('updateHost', { id, allocationstate: 'Enable' }), {
    message: /resource state Enabled or/,
  });
  await admin.run('cancelHostAsDegraded', { id });
  t.is((await listed(id)).resourcestate, 'Enabled');
  await admin.run('updateHost', { id, allocationstate: 'Disable', name: 'hv9' });
  t.is((await listed(id)).resourcestate, 'Disabled');
  t.is((await listed(id)).name, 'hv9');
});
