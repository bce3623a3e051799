// What the internet reaches of a guest through forwarded ports.
import test from 'ava';
import { type Cloud, createCloud, inTurn } from '../lab/cloud.ts';
import { answererOf, internet, type LabOptions, seenAs, udpEchoes } from '../lab/index.ts';

let cloud: Cloud;

const briefly = { timeoutMs: 700 };

/** What forwarded ports let in, tried on a cloud of these hosts. */
export function portForwarding(options: LabOptions = {}): void {
  const scenario = inTurn(options) ? test.serial : test;
  test.before(async () => {
    cloud = await createCloud(options);
  });
  test.after.always(() => cloud?.teardown());

  scenario('the internet reaches the guest through the forwarded port, and no other', async (t) => {
    const tenant = await cloud.tenant('port');
    const web = await tenant.deploy('web');
    const ip = await tenant.sourceNat();
    const from = cloud.lab.internet;
    await tenant.openIngress(ip, { protocol: 'tcp', startport: 8000, endport: 8999 });
    const forward = await tenant.forward(ip, web, { publicport: 8080, privateport: 80 });
    t.is(await answererOf(from, `http://${ip.address}:8080/`), 'web');
    t.is(await seenAs(from, `http://${ip.address}:8080/`, { from: internet.clients[1] }), internet.clients[1]);
    t.is(await answererOf(from, `http://${ip.address}:8081/`, briefly), null, 'open, and not forwarded');
    await tenant.client.run('deletePortForwardingRule', { id: forward });
    t.is(await answererOf(from, `http://${ip.address}:8080/`, briefly), null);
  });

  scenario('a forward opens the firewall for its ports, and closes it when it goes', async (t) => {
    const tenant = await cloud.tenant('opens');
    const web = await tenant.deploy('web');
    const ip = await tenant.sourceNat();
    const from = cloud.lab.internet;
    const rules = () => tenant.client.list('listFirewallRules', { ipaddressid: ip.id });
    const closed = await tenant.forward(ip, web, { publicport: 8080, privateport: 80 });
    t.is(await answererOf(from, `http://${ip.address}:8080/`, briefly), null, 'forwarded, and not open');
    await tenant.client.run('deletePortForwardingRule', { id: closed });
    const forward = await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
    t.is(await answererOf(from, `http://${ip.address}:8080/`), 'web');
    t.is((await rules()).length, 1);
    await tenant.client.run('deletePortForwardingRule', { id: forward });
    t.deepEqual(await rules(), []);
    t.is(await answererOf(from, `http://${ip.address}:8080/`, briefly), null);
  });

  scenario('a range of ports is forwarded with the offset kept', async (t) => {
    const tenant = await cloud.tenant('range');
    const guest = await tenant.deploy('guest');
    const ip = await tenant.sourceNat();
    await cloud.lab.startEcho(guest.host, guest.address, { http: 6003, echo: 6010 });
    const ports = { publicport: 5000, publicendport: 5010, privateport: 6000, privateendport: 6010 };
    await tenant.forward(ip, guest, { ...ports, openfirewall: true });
    const from = cloud.lab.internet;
    t.is(await answererOf(from, `http://${ip.address}:5003/`), guest.address, 'the fourth to the fourth');
    t.is(await answererOf(from, `http://${ip.address}:5004/`, briefly), null);
    const stream = await cloud.lab.startStream(from, ip.address, 5010);
    t.is((await stream.stop()).error, null, 'the last to the last');
    t.is(await answererOf(from, `http://${ip.address}:6003/`, briefly), null);
  });

  scenario('UDP is forwarded beside TCP of the same port', async (t) => {
    const tenant = await cloud.tenant('udp');
    const [one, two] = await Promise.all([tenant.deploy('one'), tenant.deploy('two')]);
    const ip = await tenant.sourceNat();
    await cloud.lab.startEcho(one.host, one.address, { http: 8081, echo: 5353 });
    const from = cloud.lab.internet;
    t.false(await udpEchoes(from, ip.address, 53));
    await tenant.forward(ip, one, { publicport: 53, privateport: 5353, protocol: 'udp', openfirewall: true });
    await tenant.forward(ip, two, { publicport: 53, privateport: 80, openfirewall: true });
    t.true(await udpEchoes(from, ip.address, 53, internet.clients[0]));
    t.is(await answererOf(from, `http://${ip.address}:53/`), 'two');
  });

  scenario('two addresses forward the same port to two guests', async (t) => {
    const tenant = await cloud.tenant('addresses');
    const [one, two] = await Promise.all([tenant.deploy('one'), tenant.deploy('two')]);
    const [first, second] = [await tenant.sourceNat(), await tenant.associate()];
    await tenant.forward(first, one, { publicport: 80, privateport: 80, openfirewall: true });
    await tenant.forward(second, two, { publicport: 80, privateport: 80, openfirewall: true });
    t.is(await answererOf(cloud.lab.internet, `http://${first.address}/`), 'one');
    t.is(await answererOf(cloud.lab.internet, `http://${second.address}/`), 'two');
  });

  scenario('an updated forward leads to the other guest, and its old flows end', async (t) => {
    const tenant = await cloud.tenant('updated');
    const [one, two] = await Promise.all([tenant.deploy('one'), tenant.deploy('two')]);
    const ip = await tenant.sourceNat();
    await cloud.lab.startEcho(one.host, one.address, { http: 8081, echo: 7 });
    const id = await tenant.forward(ip, one, { publicport: 7007, privateport: 7, openfirewall: true });
    const stream = await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007);
    const values = { id, privateport: 80, virtualmachineid: two.id };
    await tenant.client.run('updatePortForwardingRule', values);
    t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:7007/`), 'two');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { error, longestGapMs } = await stream.stop();
    t.true(error !== null || longestGapMs > 1000, `the flow of the old forward goes on (${longestGapMs} ms)`);
  });
}
