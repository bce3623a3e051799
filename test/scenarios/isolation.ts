// What tenants are kept from: each other, forged packets, the router itself.
import type { Host } from '@isthmus/host';
import test from 'ava';
import { type Cloud, createCloud, inTurn } from '../lab/cloud.ts';
import { answererOf, dig, internet, type LabOptions, pings, waitFor } from '../lab/index.ts';

let cloud: Cloud;

const briefly = { timeoutMs: 700 };

/** Lines that tcpdump(8) prints in a namespace, from its start. */
async function capture(host: Host, device: string, filter: string): Promise<() => Promise<string>> {
  const args = ['-i', device, '-n', '-l', '-e', '--immediate-mode', ...filter.split(' ')];
  const { logPath } = await cloud.lab.startDaemon(host, 'tcpdump', args);
  const seen = () => cloud.lab.machine.files.readText(logPath);
  await waitFor('tcpdump listens', async () => (await seen()).includes('listening on'));
  return seen;
}

/** What tenants are kept from, tried on a cloud of these hosts. */
export function isolation(options: LabOptions = {}): void {
  const scenario = inTurn(options) ? test.serial : test;
  test.before(async () => {
    cloud = await createCloud(options);
  });
  test.after.always(() => cloud?.teardown());

  scenario('two accounts with the same CIDR never meet', async (t) => {
    const [red, blue] = [await cloud.tenant('red'), await cloud.tenant('blue')];
    const [redWeb, blueWeb, redClient, blueClient] = await Promise.all([
      red.deploy('red-web', { ipaddress: '10.1.1.50' }),
      blue.deploy('blue-web', { ipaddress: '10.1.1.50' }),
      red.deploy('red-client', { ipaddress: '10.1.1.51' }),
      blue.deploy('blue-client', { ipaddress: '10.1.1.52' }),
    ]);
    t.is(redWeb.address, blueWeb.address);
    t.is(await answererOf(redClient.host, 'http://10.1.1.50/'), 'red-web');
    t.is(await answererOf(blueClient.host, 'http://10.1.1.50/'), 'blue-web');
    t.false(await pings(redClient.host, '10.1.1.52'), "the neighbour's address is nobody's here");
    t.deepEqual(await dig(redClient.host, '10.1.1.1', '10.1.1.52', 'PTR'), []);
    const [redIp, blueIp] = [await red.sourceNat(), await blue.sourceNat()];
    await red.egressRule({ protocol: 'all' });
    await blue.forward(blueIp, blueWeb, { publicport: 80, privateport: 80 });
    const blueUrl = `http://${blueIp.address}/`;
    t.is(await answererOf(redClient.host, blueUrl, briefly), null, 'closed to the neighbour as to everyone');
    await blue.openIngress(blueIp, { protocol: 'tcp', startport: 80, cidrlist: `${redIp.address}/32` });
    t.is(await answererOf(redClient.host, blueUrl), 'blue-web', 'reached as any public address, where a rule says so');
    t.is(await answererOf(cloud.lab.internet, blueUrl, briefly), null);
    await t.throwsAsync(red.forward(blueIp, redWeb, { publicport: 81, privateport: 80 }), { message: /ipaddressid/ });
    await t.throwsAsync(red.forward(redIp, blueWeb, { publicport: 81, privateport: 80 }), {
      message: /virtualmachineid/,
    });
  });

  scenario("a router on the public side does not take its neighbour's guest network for reachable", async (t) => {
    const [left, right] = [await cloud.tenant('left', { egressDefault: true }), await cloud.tenant('right')];
    await left.deploy('client');
    const victim = await right.deploy('victim', { ipaddress: '10.1.1.99' });
    const seen = await capture(victim.host, 'eth0', 'tcp port 80');
    const target = (await right.sourceNat()).address;
    if (options.hosts === undefined) {
      // The worst neighbour: a router itself, with a route into the other's guest network by its public address.
      const router = await left.routerHost();
      await router.commands.run('ip', ['route', 'add', '10.1.1.99/32', 'via', target, 'dev', 'eth2']);
      t.is(await answererOf(router, 'http://10.1.1.99/', briefly), null);
    }
    await cloud.lab.internet.commands.run('ip', ['route', 'add', '10.1.1.99/32', 'via', target, 'dev', 'eth0']);
    t.is(await answererOf(cloud.lab.internet, 'http://10.1.1.99/', briefly), null);
    t.false(/ > /.test(await seen()), 'no packet arrived');
  });

  scenario("packets with a neighbour's address or hardware address are dropped at the port", async (t) => {
    const tenant = await cloud.tenant('forgery', { egressDefault: true });
    const [forger, victim] = await Promise.all([tenant.deploy('forger'), tenant.deploy('victim')]);
    const neighbour = await tenant.deploy('neighbour');
    const run = (file: string, args: string[]) => forger.host.commands.run(file, args, { okCodes: [0, 1, 2] });
    await pings(forger.host, victim.address);
    const inside = await capture(victim.host, 'eth0', 'udp or arp');
    const outside = await capture(cloud.lab.internet, 'eth0', 'udp');
    const udp = (port: number, target: string, from: string) =>
      run('hping3', ['--udp', '-c', '2', '-i', 'u1000', '-a', from, '-s', String(port), '-k', '-p', '9', target]);
    await udp(1111, victim.address, neighbour.address);
    await udp(1112, victim.address, '198.51.100.99');
    await udp(1113, internet.server, neighbour.address);
    await udp(1114, internet.server, '192.0.2.7');
    await run('ip', ['address', 'add', `${neighbour.address}/32`, 'dev', 'eth0']);
    await run('arping', ['-U', '-c', '2', '-w', '1', '-I', 'eth0', neighbour.address]);
    await run('ip', ['address', 'del', `${neighbour.address}/32`, 'dev', 'eth0']);
    await run('ip', ['link', 'set', 'dev', 'eth0', 'address', neighbour.macAddress]);
    await udp(1115, victim.address, forger.address);
    await run('ip', ['link', 'set', 'dev', 'eth0', 'address', forger.macAddress]);
    await run('ip', ['route', 'replace', 'default', 'via', '10.1.1.1', 'dev', 'eth0']);
    await udp(3333, victim.address, forger.address);
    await udp(3334, internet.server, forger.address);
    await waitFor('its own arrives at the neighbour', async () => (await inside()).includes('.3333 >'));
    await waitFor('its own arrives on the internet', async () => / > 198\.51\.100\.10\.9:/.test(await outside()));
    t.notRegex(await inside(), /\.111[1-5] > /);
    t.notRegex(await outside(), /\.111[1-5] > /);
    const stolen = new RegExp(`(tell|Reply) ${neighbour.address}.*`);
    const claims = (await inside()).split('\n').filter((line) => stolen.test(line) && line.includes(forger.macAddress));
    t.deepEqual(claims, []);
    t.is(await answererOf(victim.host, `http://${neighbour.address}/`), 'neighbour', 'no table was poisoned');
  });

  scenario('a guest that serves DHCP leads nobody astray', async (t) => {
    const tenant = await cloud.tenant('rogue', { network: { networkdomain: 'rogue.example' } });
    const rogue = await tenant.deploy('rogue');
    const serve = ['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--port=0', '--dhcp-authoritative'];
    const range = ['--dhcp-range=10.1.1.200,10.1.1.210,1h', `--dhcp-leasefile=${cloud.lab.run}/rogue.leases`];
    await cloud.lab.startDaemon(rogue.host, 'dnsmasq', [...serve, ...range, '--interface=eth0', '--bind-interfaces']);
    const guest = await tenant.deploy('guest');
    const route = await guest.host.commands.run('ip', ['route', 'show', 'default']);
    t.regex(route.stdout, /^default via 10\.1\.1\.1 /);
  });

  scenario('the public address shows the ports that the tenant opened, and nothing of the router', async (t) => {
    const tenant = await cloud.tenant('scanned');
    const web = await tenant.deploy('web');
    const ip = await tenant.sourceNat();
    await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
    await tenant.openIngress(ip, { protocol: 'tcp', startport: 50, endport: 60 });
    await tenant.openIngress(ip, { protocol: 'udp', startport: 50, endport: 70 });
    const from = cloud.lab.internet;
    const scan = async (...args: string[]) => {
      const fast = ['-n', '-Pn', '-T4', '--max-retries', '1', '--min-rate', '2000', '-oG', '-'];
      const { stdout } = await from.commands.run('nmap', [...fast, ...args, ip.address], { timeoutMs: 60_000 });
      return [...stdout.matchAll(/(\d+)\/(open|closed)\/(tcp|udp)/g)].map(
        ([, port, state, protocol]) => `${port} ${state} ${protocol}`,
      );
    };
    t.deepEqual(await scan('-sS', '-p', '1-9000'), ['8080 open tcp']);
    t.deepEqual(await scan('-sU', '-p', '53,67,68,123,500,5353'), []);
    t.deepEqual(await dig(from, ip.address, 'www.example.org'), []);
    t.deepEqual(await dig(web.host, '10.1.1.1', 'www.example.org'), [internet.server]);
    await tenant.openIngress(ip, { protocol: 'all' });
    t.deepEqual(await dig(from, ip.address, 'www.example.org'), [], 'nor where everything is open');
  });
}
