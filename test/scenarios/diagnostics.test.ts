// A router is asked from inside: tools with bounded arguments, and a bundle by a link that ends.
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { ApiObject } from '@isthmus/api-client';
import { makeCertificate } from '@isthmus/orchestrator/model/certificate-fixture';
import test from 'ava';
import { balance } from '../lab/balanced.ts';
import { type Cloud, createCloud, type Instance, objectIn, type Tenant, text } from '../lab/cloud.ts';
import { internet, waitFor } from '../lab/index.ts';

let cloud: Cloud;
let tenant: Tenant;
let guest: Instance;
let router: string;
const userData = `secret-${randomUUID()}`;

test.before(async () => {
  cloud = await createCloud();
  tenant = await cloud.tenant('diagnosed', { egressDefault: true });
  guest = await tenant.deploy('web', { userdata: Buffer.from(userData).toString('base64') });
  router = text(await tenant.router(), 'id');
});
test.after.always(() => cloud?.teardown());

async function diagnose(type: string, ipaddress: string, params?: string): Promise<ApiObject> {
  const values = { targetid: router, type, ipaddress, ...(params !== undefined && { params }) };
  return objectIn(await cloud.admin.run('runDiagnostics', values), 'diagnostics');
}

/** A program of the machine that the tests run on. */
async function run(file: string, ...args: string[]): Promise<string> {
  const { stdout } = await cloud.lab.machine.commands.run(file, args, { timeoutMs: 30_000 });
  return stdout;
}

async function statusOf(url: string): Promise<number> {
  return Number(await run('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', url));
}

async function bundle(files?: string): Promise<string> {
  const values = { targetid: router, ...(files !== undefined && { files }) };
  return text(objectIn(await cloud.admin.run('getDiagnosticsData', values), 'diagnostics'), 'url');
}

test.serial('ping from the router reaches its gateway and its guest, and tells of a silent address', async (t) => {
  const gateway = await diagnose('ping', internet.gateway, '-c 2 -i 0.2');
  t.is(gateway.exitcode, '0');
  t.regex(text(gateway, 'stdout'), /2 packets transmitted, 2 received/);
  t.is(gateway.stderr, '');
  t.is((await diagnose('ping', guest.address, '-c 1 -s 1000 -I eth0')).exitcode, '0');
  const silent = await diagnose('ping', '10.1.1.254', '-c 1 -W 1');
  t.is(silent.exitcode, '1');
  t.regex(text(silent, 'stdout'), /1 packets transmitted, 0 received/);
});

test.serial('traceroute and arping look from where the router stands', async (t) => {
  const trace = await diagnose('traceroute', internet.gateway, '-m 3 -q 1 -n');
  t.is(trace.exitcode, '0', text(trace, 'stderr'));
  t.true(text(trace, 'stdout').includes(internet.gateway));
  const arp = await diagnose('arping', guest.address, '-c 1');
  t.is(arp.exitcode, '0', text(arp, 'stderr'));
  t.true(text(arp, 'stdout').toLowerCase().includes(guest.macAddress.toLowerCase()));
  t.is((await diagnose('arping', '10.1.1.254', '-c 1 -I eth0')).exitcode, '1');
});

test.serial('an IPv6 address is asked by IPv6', async (t) => {
  const { commands } = await tenant.routerHost();
  await commands.run('sysctl', ['-q', '-w', 'net.ipv6.conf.lo.disable_ipv6=0']);
  for (const [type, params] of [
    ['ping', '-c 1'],
    ['traceroute', '-m 2 -q 1 -n'],
  ] as const) {
    const answer = await diagnose(type, '::1', params);
    t.is(answer.exitcode, '0', text(answer, 'stderr'));
    t.true(text(answer, 'stdout').includes('::1'));
  }
});

test.serial('no argument becomes a command, an option that is not on the list, or another target', async (t) => {
  const hostile = [
    ';reboot',
    '$(reboot)',
    '`reboot`',
    '-w 5',
    '--help',
    '-f',
    '-c 1 -f',
    '-c 101',
    '-i 0.01',
    '-s 65508',
    '-I wlan0',
    '-c 1\nreboot',
    '| tee /etc/passwd',
    '10.1.1.1',
    `-c ${'1'.repeat(10_000)}`,
  ];
  for (const params of hostile) {
    const error = await t.throwsAsync(diagnose('ping', internet.gateway, params), undefined, params);
    t.regex(error?.message ?? '', /params/, params.slice(0, 40));
  }
  for (const address of ['-c', '10.1.1.1 -f', '10.1.1.1;reboot', 'localhost', '10.1.1', '$(reboot)']) {
    await t.throwsAsync(diagnose('ping', address), { message: /ipaddress/ }, address);
  }
  await t.throwsAsync(diagnose('arping', '::1'), { message: /ipaddress/ });
  await t.throwsAsync(diagnose('nmap', internet.gateway), { message: /type/ });
});

test.serial('nobody but root admins diagnoses', async (t) => {
  await t.throwsAsync(tenant.client.run('runDiagnostics', { targetid: router, type: 'ping', ipaddress: '10.1.1.1' }));
  await t.throwsAsync(tenant.client.run('getDiagnosticsData', { targetid: router }));
});

test.serial('a bundle is fetched by curl and opened by tar, and holds no secret', async (t) => {
  const url = await bundle();
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+\/diagnostics\/[A-Za-z0-9_-]{43}$/);
  const folder = `${cloud.lab.run}/bundle`;
  await cloud.lab.machine.files.makeDirectory(folder);
  await run('curl', '-sf', '-o', `${folder}/bundle.tar.gz`, url);
  await run('tar', '-xzf', `${folder}/bundle.tar.gz`, '-C', folder);
  const names = await readdir(folder);
  for (const name of ['iptables.txt', 'ifconfig.txt', 'route.txt', 'status.json', 'version.txt']) {
    t.true(names.includes(name), name);
  }
  const read = (name: string) => cloud.lab.machine.files.readText(`${folder}/${name}`);
  t.regex(await read('iptables.txt'), /\*filter[\s\S]*:FORWARD DROP/);
  t.true((await read('ifconfig.txt')).includes('10.1.1.1/24'));
  t.true((await read('route.txt')).includes(`default via ${internet.gateway}`));
  const leases = names.filter((name) => /^dnsmasq.*\.leases$/.test(name));
  t.true((await Promise.all(leases.map(read))).some((each) => each.includes(guest.address)));
  const health = JSON.parse(await read('health.json')) as { name: string }[];
  t.true(health.some(({ name }) => name === 'dhcp_check.py'));
  for (const name of names.filter((each) => each !== 'bundle.tar.gz')) {
    const content = await read(name);
    for (const secret of [userData, Buffer.from(userData).toString('base64'), 'PRIVATE KEY', 'root:']) {
      t.false(content.includes(secret), `${name}: ${secret}`);
    }
  }
});

test.serial('a bundle holds what is asked for, and only what is on the list can be', async (t) => {
  const folder = `${cloud.lab.run}/part`;
  await cloud.lab.machine.files.makeDirectory(folder);
  await run('curl', '-sf', '-o', `${folder}/part.tar.gz`, await bundle('[ROUTE],/etc/dnsmasq.conf'));
  const names = (await run('tar', '-tzf', `${folder}/part.tar.gz`)).trim().split('\n');
  t.true(names.length >= 2);
  t.true(
    names.every((name) => name === 'route.txt' || /^dnsmasq.*\.conf$/.test(name)),
    names.join(' '),
  );
  for (const files of ['/etc/shadow', '../../etc/passwd', '[IPTABLES];reboot', '[SHADOW]', '/proc/self/environ', '-']) {
    await t.throwsAsync(bundle(files), { message: /files/ }, files);
  }
});

test.serial('a bundle holds the configuration of load balancers and their log, and no private key', async (t) => {
  const { client, networkId } = tenant;
  const made = await makeCertificate({ name: 'shop.example', kind: 'rsa2048' });
  const uploaded = await client.call('uploadSslCert', {
    name: 'shop',
    certificate: made.certificate,
    privatekey: made.privateKey,
  });
  const ip = await tenant.sourceNat();
  const id = await balance(tenant, ip, { publicport: 443, members: [guest], values: { protocol: 'ssl' } });
  const certid = text(objectIn(uploaded, 'sslcert'), 'id');
  await client.run('assignCertToLoadBalancer', { lbruleid: id, certid });
  const { commands } = await tenant.routerHost();
  const listens = async () => (await commands.run('ss', ['-Hlnt', 'sport', '=', ':443'])).stdout.includes(ip.address);
  await waitFor(`HAProxy listens in network ${networkId}`, listens);
  const folder = `${cloud.lab.run}/balancers`;
  await cloud.lab.machine.files.makeDirectory(folder);
  const url = await bundle('/etc/haproxy/haproxy.cfg,/var/log/haproxy.log');
  await run('curl', '-sf', '-o', `${folder}/bundle.tar.gz`, url);
  await run('tar', '-xzf', `${folder}/bundle.tar.gz`, '-C', folder);
  const names = (await readdir(folder)).filter((name) => name !== 'bundle.tar.gz').sort();
  t.deepEqual(names, ['haproxy-global.cfg', `haproxy-rule-${id}.cfg`, 'haproxy.log']);
  const texts = await Promise.all(names.map((name) => cloud.lab.machine.files.readText(`${folder}/${name}`)));
  t.regex(texts[0] ?? '', /^global$/m);
  t.true(texts[1]?.includes(`${ip.address}:443`) === true && texts[1].includes(guest.address), texts[1]);
  t.not(texts[2], 'absent\n');
  const secret = made.privateKey.split('\n').filter((line) => line.length > 40);
  t.true(secret.length > 10);
  for (const line of ['PRIVATE KEY', 'a private key was left out', ...secret]) {
    t.false(
      texts.some((each) => each.includes(line)),
      line.slice(0, 20),
    );
  }
});

test.serial('a link ends, its bundle is gone from the disk, and guesses find nothing', async (t) => {
  const folder = `${cloud.lab.state}/diagnostics`;
  await cloud.configure('diagnostics.data.max.file.age', 3);
  const url = await bundle('[ROUTE]');
  await cloud.configure('diagnostics.data.max.file.age', 14_400);
  t.is(await statusOf(url), 200);
  t.is(await statusOf(`${url.slice(0, -1)}${url.endsWith('A') ? 'B' : 'A'}`), 404);
  for (const path of ['', '/', '/../healthz']) {
    t.is(await statusOf(url.replace(/\/diagnostics\/.*$/, `/diagnostics${path}`)), path === '/../healthz' ? 200 : 404);
  }
  const files = await readdir(folder);
  await waitFor('the link ends', async () => (await statusOf(url)) === 404, 30_000);
  await waitFor('the bundle is removed', async () => (await readdir(folder)).length < files.length, 90_000);
});

test.serial('a router that does not run is not diagnosed', async (t) => {
  await cloud.admin.run('stopRouter', { id: router });
  await t.throwsAsync(diagnose('ping', internet.gateway), { message: /targetid/ });
  await t.throwsAsync(bundle(), { message: /targetid/ });
});
