// What a guest gets of its network's router: a lease, names, the internet.
import { namespaceName } from '@isthmus/host-agent';
import test from 'ava';
import { type Cloud, createCloud, type Instance, inTurn, objectIn, type Tenant } from '../lab/cloud.ts';
import { answererOf, dig, httpGet, internet, type LabOptions, pings, seenAs, udpEchoes } from '../lab/index.ts';

let cloud: Cloud;

const server = `http://${internet.server}/`;

async function domainOf(tenant: Tenant): Promise<string> {
  const [network] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  return String(network?.networkdomain);
}

/** What a further DHCP client of the guest's is offered, by option. */
async function offered({ host, id }: Instance): Promise<Record<string, string>> {
  const { files } = await cloud.lab.machineOf(id);
  const script = `${cloud.lab.run}/offered-${id}`;
  const words = ['ip', 'mask', 'router', 'dns', 'domain', 'hostname', 'serverid', 'lease'];
  const lines = words.map((word) => `echo "${word}=$${word}"`).join('\n');
  await files.writeText(script, `#!/bin/sh\n[ "$1" = bound ] || exit 0\n${lines}\n`, { mode: 0o755 });
  const args = ['-f', '-n', '-q', '-t', '5', '-T', '1', '-i', 'eth0', '-s', script, '-O', 'hostname'];
  const { stdout } = await host.commands.run('udhcpc', args, { timeoutMs: 15_000 });
  return Object.fromEntries([...stdout.matchAll(/^(\w+)=(.*)$/gm)].map(([, word, value]) => [word, value]));
}

/** What a guest gets of its router, tried on a cloud of these hosts. */
export function guestServices(options: LabOptions = {}): void {
  const scenario = inTurn(options) ? test.serial : test;
  test.before(async () => {
    cloud = await createCloud(options);
  });
  test.after.always(() => cloud?.teardown());

  scenario('a guest leases its reserved address, with router, name server, domain and host name', async (t) => {
    const tenant = await cloud.tenant('lease');
    const web = await tenant.deploy('web', { ipaddress: '10.1.1.77' });
    t.is(web.address, '10.1.1.77');
    t.like(await offered(web), {
      ip: '10.1.1.77',
      mask: '24',
      router: '10.1.1.1',
      dns: '10.1.1.1',
      domain: await domainOf(tenant),
      hostname: 'web',
      serverid: '10.1.1.1',
    });
  });

  scenario(
    'guests find each other by name, forward and reverse, and the rest of the world through the router',
    async (t) => {
      const tenant = await cloud.tenant('names', { network: { networkdomain: 'names.example' } });
      const [web, db] = await Promise.all([tenant.deploy('web'), tenant.deploy('db')]);
      const ask = (name: string, type?: string) => dig(web.host, '10.1.1.1', name, type);
      t.deepEqual(await ask('db.names.example'), [db.address]);
      t.deepEqual(await ask(db.address, 'PTR'), ['db.names.example.']);
      t.deepEqual(await ask('web.names.example'), [web.address]);
      t.deepEqual(await ask('nobody.names.example'), []);
      t.deepEqual(await ask('www.example.org'), [internet.server]);
      // With the guest's own resolv.conf, which `ip netns exec` mounts.
      const inside = ['netns', 'exec', namespaceName(cloud.lab.installation, 'i', web.id)];
      const curl = ['curl', '--silent', '--noproxy', '*', '--max-time', '3', 'http://db/'];
      const machine = await cloud.lab.machineOf(web.id);
      const answer = await machine.commands.run('ip', [...inside, ...curl]);
      t.regex(answer.stdout, /^hostname: db$/m, 'the domain of the lease is searched');
    },
  );

  scenario("a guest reaches the internet by source NAT and is seen from its network's address", async (t) => {
    const tenant = await cloud.tenant('source', { egressDefault: true });
    const guest = await tenant.deploy('guest');
    const { address } = await tenant.sourceNat();
    t.is(await seenAs(guest.host, server), address);
    t.is(await httpGet(guest.host, server, { body: 'x'.repeat(100_000) }), 'x'.repeat(100_000));
    t.true(await udpEchoes(guest.host, internet.server, 7));
    t.true(await pings(guest.host, internet.server));
    t.is(await answererOf(cloud.lab.internet, `http://${address}/`, { timeoutMs: 700 }), null);
  });

  scenario(
    'a guest with static NAT is seen from its own address, and is reached at it where a rule opens it',
    async (t) => {
      const tenant = await cloud.tenant('static', { egressDefault: true });
      const [own, other] = await Promise.all([tenant.deploy('own'), tenant.deploy('other')]);
      const ip = await tenant.associate();
      await tenant.client.run('enableStaticNat', { ipaddressid: ip.id, virtualmachineid: own.id });
      t.is(await seenAs(own.host, server), ip.address);
      t.is(await seenAs(other.host, server), (await tenant.sourceNat()).address);
      const url = `http://${ip.address}/`;
      t.is(await answererOf(cloud.lab.internet, url, { timeoutMs: 700 }), null, 'closed without a rule');
      const rule = await tenant.openIngress(ip, { protocol: 'tcp', startport: 80, endport: 80 });
      t.is(await answererOf(cloud.lab.internet, url), 'own');
      t.is(await seenAs(cloud.lab.internet, url, { from: internet.clients[0] }), internet.clients[0]);
      await tenant.client.run('deleteFirewallRule', { id: rule });
      t.is(await answererOf(cloud.lab.internet, url, { timeoutMs: 700 }), null, 'closed again');
      await tenant.openIngress(ip, { protocol: 'icmp', icmptype: 8, icmpcode: 0 });
      t.true(await pings(cloud.lab.internet, ip.address));
      const disabled = await tenant.client.run('disableStaticNat', { ipaddressid: ip.id });
      t.is(String(disabled.success), 'true');
      t.is(await seenAs(own.host, server), (await tenant.sourceNat()).address, 'back to source NAT');
      const released = await tenant.client.run('disassociateIpAddress', { id: ip.id });
      t.is(String(released.success), 'true');
    },
  );

  scenario("a guest reaches its own network's public addresses, as does its neighbour (hairpin)", async (t) => {
    const tenant = await cloud.tenant('hairpin');
    const [web, client] = await Promise.all([tenant.deploy('web'), tenant.deploy('client')]);
    const forwarded = await tenant.sourceNat();
    const own = await tenant.associate();
    await tenant.forward(forwarded, web, { publicport: 8080, privateport: 80, openfirewall: true });
    await tenant.client.run('enableStaticNat', { ipaddressid: own.id, virtualmachineid: web.id });
    await tenant.openIngress(own, { protocol: 'tcp', startport: 80, endport: 80 });
    for (const guest of [client, web]) {
      t.is(await answererOf(guest.host, `http://${forwarded.address}:8080/`), 'web', `${guest.name}, forwarded port`);
      t.is(await answererOf(guest.host, `http://${own.address}/`), 'web', `${guest.name}, static NAT`);
    }
  });

  scenario('an update of an instance reaches name service', async (t) => {
    const tenant = await cloud.tenant('renamed', { network: { networkdomain: 'renamed.example' } });
    const guest = await tenant.deploy('before');
    await tenant.client.run('stopVirtualMachine', { id: guest.id });
    const answer = await tenant.client.run('updateVirtualMachine', { id: guest.id, name: 'after' });
    t.is(objectIn(answer, 'virtualmachine').name, 'after');
    await tenant.client.run('startVirtualMachine', { id: guest.id });
    await tenant.leased(guest.id, guest.address);
    t.deepEqual(await dig(guest.host, '10.1.1.1', 'after.renamed.example'), [guest.address]);
    t.deepEqual(await dig(guest.host, '10.1.1.1', 'before.renamed.example'), []);
  });
}
