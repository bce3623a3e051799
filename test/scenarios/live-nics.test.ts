// An instance that runs is not restarted for a further NIC or address: its NICs, processes and resolvers stay.
import test from 'ava';
import { type Cloud, createCloud, type Instance, objectIn, only, text } from '../lab/cloud.ts';
import { pings, waitFor } from '../lab/index.ts';

let cloud: Cloud;

test.before(async () => {
  cloud = await createCloud();
});
test.after.always(() => cloud?.teardown());

/** What tells a NIC from one that was made anew, and the daemons of an instance from others. */
async function selfOf({ id, host }: Instance): Promise<string> {
  const { stdout: link } = await host.commands.run('ip', ['-oneline', 'link', 'show', 'dev', 'eth0']);
  const namespace = `ith-${cloud.lab.installation}-i-${id.slice(0, 8)}`;
  const { stdout: processes } = await cloud.lab.machine.commands.run('ip', ['netns', 'pids', namespace]);
  const resolvers = await cloud.lab.machine.files.readTextIfExists(`/etc/netns/${namespace}/resolv.conf`);
  return `${/^\d+: \S+/.exec(link)?.[0]} ${processes.split('\n', 2).join(' ')} ${resolvers}`;
}

test('further addresses and NICs come and go under an instance that runs', async (t) => {
  const tenant = await cloud.tenant('live');
  const { client } = tenant;
  const web = await tenant.deploy('web');
  const before = await selfOf(web);
  t.regex(before, /nameserver 10\.1\.1\.1/);
  const nic = only('NIC', await client.list('listNics', { virtualmachineid: web.id }));
  const ip = objectIn(await client.run('addIpToNic', { nicid: text(nic, 'id') }), 'nicsecondaryip');
  t.is(await selfOf(web), before, 'after addIpToNic');
  const further = text(ip, 'ipaddress');
  await web.host.commands.run('ip', ['address', 'add', `${further}/24`, 'dev', 'eth0']);
  const neighbour = await tenant.deploy('neighbour');
  t.true(await pings(neighbour.host, further), 'port security admits the further address');

  const [network] = await client.list('listNetworks', { id: tenant.networkId });
  const made = await client.run('createNetwork', {
    ...{ name: 'second', zoneid: cloud.zoneId, networkofferingid: text(network ?? {}, 'networkofferingid') },
    ...{ gateway: '10.9.9.1', netmask: '255.255.255.0' },
  });
  const networkid = text(objectIn(made, 'network'), 'id');
  await client.run('addNicToVirtualMachine', { virtualmachineid: web.id, networkid });
  await waitFor('the second lease', async () => {
    const { stdout } = await web.host.commands.run('ip', ['-brief', 'address', 'show', 'dev', 'eth1']);
    return stdout.includes('10.9.9.');
  });
  t.is(await selfOf(web), before, 'after addNicToVirtualMachine');
  const second = only('second NIC', await client.list('listNics', { virtualmachineid: web.id, networkid }));
  await client.run('removeNicFromVirtualMachine', { virtualmachineid: web.id, nicid: text(second, 'id') });
  const { exitCode } = await web.host.commands.run('ip', ['link', 'show', 'dev', 'eth1'], { okCodes: [0, 1] });
  t.is(exitCode, 1, 'eth1 is gone');
  t.is(await selfOf(web), before, 'after removeNicFromVirtualMachine');
  t.true(await pings(neighbour.host, web.address));
});
