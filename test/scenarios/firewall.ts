// What a tenant's firewall rules let in and out.
import test from 'ava';
import { type Cloud, createCloud, inTurn, type PublicIp, type Tenant } from '../lab/cloud.ts';
import { answererOf, httpGet, internet, type LabOptions, pings, udpEchoes } from '../lab/index.ts';

let cloud: Cloud;
/** How much longer an echo may take where routers are emulated machines. */
let slowness = 1;

const briefly = { timeoutMs: 700 };
const [allowed, other] = internet.clients;
const server = `http://${internet.server}/`;

/** Who of the two clients on the internet gets an answer. */
async function admitted(url: string): Promise<string[]> {
  const answers = await Promise.all(
    [allowed, other].map(async (from) =>
      (await answererOf(cloud.lab.internet, url, { from, timeoutMs: 1500 })) ? [from] : [],
    ),
  );
  return answers.flat();
}

/** A web guest behind the port 8080 of its network's address, which is closed. */
async function forwarded(name: string): Promise<{ tenant: Tenant; ip: PublicIp; url: string }> {
  const tenant = await cloud.tenant(name);
  const guest = await tenant.deploy('web');
  const ip = await tenant.sourceNat();
  await tenant.forward(ip, guest, { publicport: 8080, privateport: 80 });
  await cloud.lab.startEcho(guest.host, guest.address, { http: 8081, echo: 7 });
  await tenant.forward(ip, guest, { publicport: 7007, privateport: 7 });
  return { tenant, ip, url: `http://${ip.address}:8080/` };
}

/** What a tenant's firewall rules let in and out, tried on a cloud of these hosts. */
export function firewall(options: LabOptions = {}): void {
  slowness = inTurn(options) ? 4 : 1;
  const scenario = inTurn(options) ? test.serial : test;
  test.before(async () => {
    cloud = await createCloud(options);
  });
  test.after.always(() => cloud?.teardown());

  scenario('ingress is closed by default, and opened for one CIDR only', async (t) => {
    const { tenant, ip, url } = await forwarded('ingress');
    t.deepEqual(await admitted(url), []);
    const rule = { protocol: 'tcp', startport: 8080, endport: 8080 } as const;
    const first = await tenant.openIngress(ip, { ...rule, cidrlist: `${allowed}/32` });
    t.deepEqual(await admitted(url), [allowed]);
    const second = await tenant.openIngress(ip, { ...rule, cidrlist: `${other}/32` });
    await tenant.client.run('deleteFirewallRule', { id: first });
    t.deepEqual(await admitted(url), [other]);
    await tenant.client.run('deleteFirewallRule', { id: second });
    t.deepEqual(await admitted(url), []);
    await tenant.openIngress(ip, { ...rule, cidrlist: '192.0.2.0/24,198.51.100.0/28,198.51.100.16/28' });
    t.deepEqual(
      await admitted(url),
      internet.clients.filter((client) => Number(client.split('.')[3]) < 32),
    );
  });

  scenario('a revoked rule ends the flows that it alone admitted, and the neighbours live', async (t) => {
    const { tenant, ip } = await forwarded('revoked');
    const rule = { protocol: 'tcp', startport: 7007, endport: 7007 } as const;
    const revoked = await tenant.openIngress(ip, { ...rule, cidrlist: `${allowed}/32` });
    await tenant.openIngress(ip, { ...rule, cidrlist: `${other}/32` });
    const cut = await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007, allowed);
    const lives = await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007, other);
    await tenant.client.run('deleteFirewallRule', { id: revoked });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const [ended, alive] = [await cut.stop(), await lives.stop()];
    t.true(ended.error !== null || ended.longestGapMs > 1500, `it goes on: ${JSON.stringify(ended)}`);
    t.is(alive.error, null);
    t.true(alive.longestGapMs < 1000 * slowness, `${alive.longestGapMs} ms without an echo`);
  });

  scenario('a flow that another rule admits too lives on when one of them is revoked', async (t) => {
    const { tenant, ip } = await forwarded('twice');
    const rule = { protocol: 'tcp', startport: 7007, endport: 7007 } as const;
    const revoked = await tenant.openIngress(ip, { ...rule, cidrlist: `${allowed}/32` });
    await tenant.openIngress(ip, { protocol: 'tcp', startport: 7000, endport: 7100, cidrlist: '198.51.100.0/24' });
    const stream = await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007, allowed);
    await tenant.client.run('deleteFirewallRule', { id: revoked });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { error, longestGapMs } = await stream.stop();
    t.is(error, null);
    t.true(longestGapMs < 800 * slowness, `${longestGapMs} ms without an echo`);
  });

  scenario('an ICMP rule admits its type and code alone', async (t) => {
    const tenant = await cloud.tenant('icmp');
    const guest = await tenant.deploy('guest');
    const ip = await tenant.associate();
    await tenant.client.run('enableStaticNat', { ipaddressid: ip.id, virtualmachineid: guest.id });
    t.false(await pings(cloud.lab.internet, ip.address));
    const timestamps = await tenant.openIngress(ip, { protocol: 'icmp', icmptype: 13, icmpcode: 0 });
    t.false(await pings(cloud.lab.internet, ip.address));
    await tenant.client.run('deleteFirewallRule', { id: timestamps });
    await tenant.openIngress(ip, { protocol: 'icmp', icmptype: 8, icmpcode: 0, cidrlist: `${allowed}/32` });
    t.true(await pings(cloud.lab.internet, ip.address, allowed));
    t.false(await pings(cloud.lab.internet, ip.address, other));
  });

  scenario('egress is denied by default, and each rule lets out its protocol, port and destination', async (t) => {
    const tenant = await cloud.tenant('denied');
    const { host, address } = await tenant.deploy('guest');
    t.is(await httpGet(host, server, briefly), null);
    t.false(await pings(host, internet.server));
    const web = await tenant.egressRule({ protocol: 'tcp', startport: 80, endport: 80 });
    t.not(await httpGet(host, server), null);
    t.false(await udpEchoes(host, internet.server, 7));
    await tenant.egressRule({ protocol: 'udp', startport: 7, destcidrlist: `${internet.server}/32` });
    t.true(await udpEchoes(host, internet.server, 7));
    t.false(await pings(host, internet.server));
    await tenant.egressRule({ protocol: 'icmp', icmptype: 8, icmpcode: 0, destcidrlist: `${internet.dns}/32` });
    t.true(await pings(host, internet.dns));
    t.false(await pings(host, internet.server));
    await tenant.client.run('deleteEgressFirewallRule', { id: web });
    t.is(await httpGet(host, server, briefly), null);
    await tenant.egressRule({ protocol: 'tcp', startport: 80, cidrlist: `${address}/32` });
    t.not(await httpGet(host, server), null, 'for this guest');
    const neighbour = await tenant.deploy('neighbour');
    t.is(await httpGet(neighbour.host, server, briefly), null, 'and not for its neighbour');
  });

  scenario('egress is allowed by default where the offering says so, and each rule denies what it names', async (t) => {
    const tenant = await cloud.tenant('open', { egressDefault: true });
    const { host } = await tenant.deploy('guest');
    t.not(await httpGet(host, server), null);
    const web = await tenant.egressRule({ protocol: 'tcp', startport: 80, destcidrlist: `${internet.server}/32` });
    t.is(await httpGet(host, server, briefly), null);
    t.true(await udpEchoes(host, internet.server, 7));
    t.true(await pings(host, internet.server));
    await tenant.egressRule({ protocol: 'icmp' });
    t.false(await pings(host, internet.server));
    await tenant.client.run('deleteEgressFirewallRule', { id: web });
    t.not(await httpGet(host, server), null);
    await tenant.egressRule({ protocol: 'all' });
    t.is(await httpGet(host, server, briefly), null);
  });

  scenario('a revoked egress rule ends its flows', async (t) => {
    const tenant = await cloud.tenant('egressflow');
    const { host } = await tenant.deploy('guest');
    const rule = await tenant.egressRule({ protocol: 'tcp', startport: 7 });
    const stream = await cloud.lab.startStream(host, internet.server, 7);
    await tenant.client.run('deleteEgressFirewallRule', { id: rule });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { error, longestGapMs } = await stream.stop();
    t.true(error !== null || longestGapMs > 1000, `it goes on (${longestGapMs} ms)`);
  });
}
