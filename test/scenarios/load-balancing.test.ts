// Load balancing from API calls to packets: clients on the internet, instances behind a rule, a router in a namespace.
import test from 'ava';
import {
  answerers,
  backendPorts,
  balance,
  curl,
  lineAnswer,
  load,
  startBackend,
  stick,
  TlsNames,
  tlsOf,
} from '../lab/balanced.ts';
import { waitFor } from '../lab/clients.ts';
import { type Cloud, createCloud } from '../lab/cloud.ts';
import { internet } from '../lab/index.ts';
import { type Instance, objectIn, objectsIn, type PublicIp, type Tenant, text } from '../lab/tenant.ts';

let cloud: Cloud;
let tenant: Tenant;
let ip: PublicIp;
let tls: TlsNames;
let one: Instance;
let two: Instance;
let three: Instance;
let backends: readonly number[];

test.before(async () => {
  cloud = await createCloud();
  tenant = await cloud.tenant('lb');
  [one, two, three] = [await tenant.deploy('one'), await tenant.deploy('two'), await tenant.deploy('three')];
  backends = await Promise.all([one, two, three].map((instance) => startBackend(cloud, instance)));
  ip = await tenant.sourceNat();
  tls = await TlsNames.create(cloud, tenant);
});
test.after.always(() => cloud?.teardown());

/** curl's exit code where the time is up: a closed port of a router is silent. */
const nobodyAnswers = 28;

const client = () => cloud.lab.internet;
const url = (port: number, path = '/') => `http://${ip.address}:${port}${path}`;
const distinct = (names: readonly string[]) => [...new Set(names)].sort();
const addresses = (...instances: readonly Instance[]) => instances.map(({ address }) => address).sort();

/** Waits until so many instances of a rule are in a state, as the API tells it. */
async function inState(id: string, state: string, instance: Instance): Promise<void> {
  await waitFor(`${instance.name} is ${state}`, async () => {
    const found = await tenant.client.list('listLoadBalancerRuleInstances', { id });
    return found.find((each) => each.id === instance.id)?.servicestate === state;
  });
}

test.serial('requests are shared by the instances behind a rule, and its end closes the port', async (t) => {
  const id = await balance(tenant, ip, { publicport: 8001, members: [one, two] });
  t.deepEqual(distinct(await answerers(client(), url(8001), 8)), addresses(one, two));
  await tenant.client.run('assignToLoadBalancerRule', { id, virtualmachineids: three.id });
  t.deepEqual(distinct(await answerers(client(), url(8001), 9)), addresses(one, two, three));
  await tenant.client.run('removeFromLoadBalancerRule', { id, virtualmachineids: one.id });
  t.deepEqual(distinct(await answerers(client(), url(8001), 8)), addresses(two, three));
  await tenant.client.run('deleteLoadBalancerRule', { id });
  t.is((await curl(client(), ['--max-time', '1', url(8001)])).exitCode, nobodyAnswers);
  // Open in the firewall, the port has nobody who listens.
  const firewall = await tenant.openIngress(ip, { protocol: 'tcp', startport: 8001 });
  t.is((await curl(client(), ['--max-time', '1', url(8001)])).exitCode, nobodyAnswers);
  const { stdout } = await (await tenant.routerHost()).commands.run('ss', ['-Hltn', 'sport', '=', ':8001']);
  t.is(stdout, '');
  await tenant.client.run('deleteFirewallRule', { id: firewall });
});

test.serial(
  'leastconn serves from all, source keeps a client with one instance, and a rule changes between them',
  async (t) => {
    const id = await balance(tenant, ip, {
      publicport: 8002,
      members: [one, two, three],
      values: { algorithm: 'leastconn' },
    });
    t.deepEqual(distinct(await answerers(client(), url(8002), 9)), addresses(one, two, three));
    await tenant.client.run('updateLoadBalancerRule', { id, algorithm: 'source' });
    for (const from of internet.clients) {
      t.is(distinct(await answerers(client(), url(8002), 6, ['--interface', from])).length, 1, from);
    }
  },
);

test.serial(
  'a cookie of the load balancer, one of the application, and the address keep a client with its instance',
  async (t) => {
    const id = await balance(tenant, ip, { publicport: 8003, members: [one, two, three] });
    const jar = ['--cookie', `${cloud.lab.run}/jar-8003`, '--cookie-jar', `${cloud.lab.run}/jar-8003`];
    const unstick = async (policy: string) => {
      await tenant.client.run('deleteLBStickinessPolicy', { id: policy });
      t.deepEqual(distinct(await answerers(client(), url(8003), 9)), addresses(one, two, three), 'without a policy');
    };

    const byBalancer = await stick(tenant, id, 'LbCookie', {
      'cookie-name': 'WHERE',
      nocache: 'true',
      indirect: 'true',
    });
    const { stdout: head } = await curl(client(), ['--head', url(8003)]);
    t.regex(head, /^set-cookie: WHERE=[^;]+/im);
    t.is(distinct(await answerers(client(), url(8003), 8, jar)).length, 1, 'LbCookie');
    t.true(distinct(await answerers(client(), url(8003), 8)).length > 1, 'without the cookie');
    await unstick(byBalancer);

    await cloud.lab.machine.files.remove(`${cloud.lab.run}/jar-8003`);
    const byApplication = await stick(tenant, id, 'AppCookie', {
      'cookie-name': 'SESSION',
      holdtime: '30m',
      'request-learn': 'true',
    });
    t.is(distinct(await answerers(client(), url(8003), 8, jar)).length, 1, 'AppCookie');
    t.true(distinct(await answerers(client(), url(8003), 8)).length > 1, 'without the cookie');
    await unstick(byApplication);

    await stick(tenant, id, 'SourceBased', { expire: '5m', tablesize: '10k' });
    t.is(
      distinct(await answerers(client(), url(8003), 8, ['--interface', internet.clients[0]])).length,
      1,
      'SourceBased',
    );
  },
);

test.serial('cidrlist says who may connect, also after it was changed', async (t) => {
  const [first, second] = internet.clients;
  const id = await balance(tenant, ip, { publicport: 8004, members: [one], values: { cidrlist: `${first}/32` } });
  const reached = async (from: string) =>
    (await curl(client(), ['--max-time', '1', '--interface', from, url(8004)])).exitCode === 0;
  t.true(await reached(first));
  t.false(await reached(second));
  await tenant.client.run('updateLoadBalancerRule', { id, cidrlist: `${second}/32` });
  t.false(await reached(first));
  t.true(await reached(second));
});

test.serial('tcp-proxy tells instances who connects', async (t) => {
  await balance(tenant, ip, {
    publicport: 8005,
    privateport: backendPorts.line,
    members: [one],
    values: { protocol: 'tcp-proxy' },
  });
  const from = internet.clients[0];
  const answer = await lineAnswer(client(), ip.address, 8005, ['-s', from]);
  t.regex(answer, new RegExp(`^${one.address} PROXY TCP4 ${from} ${ip.address} \\d+ 8005$`));
});

test.serial('UDP is shared by the instances behind a rule', async (t) => {
  const id = await balance(tenant, ip, {
    publicport: 8006,
    privateport: backendPorts.line,
    members: [one, two],
    values: { protocol: 'udp' },
  });
  const asked = async () => {
    const found: string[] = [];
    for (let time = 0; time < 12; time += 1) found.push(await lineAnswer(client(), ip.address, 8006, ['-u']));
    return distinct(found);
  };
  t.deepEqual(await asked(), addresses(one, two));
  await tenant.client.run('removeFromLoadBalancerRule', { id, virtualmachineids: two.id });
  t.deepEqual(await asked(), addresses(one));
});

test.serial('TLS ends at the load balancer: by name, with HTTP/2, and not without a certificate', async (t) => {
  const id = await balance(tenant, ip, { publicport: 443, members: [one, two], values: { protocol: 'ssl' } });
  const names = { 'shop.example': '', 'blog.example': '' };
  const resolve = Object.keys(names).flatMap((name) => ['--resolve', `${name}:443:${ip.address}`]);
  const args = [...resolve, '--cacert', tls.authorityPath];
  t.is((await curl(client(), [...args, '--max-time', '1', 'https://shop.example/'])).exitCode, nobodyAnswers);
  for (const name of ['shop.example', 'blog.example'] as const) {
    names[name] = await tls.upload(name, name);
    await tenant.client.run('assignCertToLoadBalancer', { lbruleid: id, certid: names[name] });
  }
  for (const name of ['shop.example', 'blog.example'] as const) {
    for (const protocol of ['tls1_2', 'tls1_3']) {
      const seen = await tlsOf(client(), ip.address, 443, name, [`-${protocol}`, '-CAfile', tls.authorityPath]);
      const expected = { subject: `CN=${name}`, verified: true, protocol: `TLSv1.${protocol.at(-1)}` };
      t.deepEqual(seen, expected, `${name} by ${protocol}`);
    }
  }
  const other = await tlsOf(client(), ip.address, 443, 'unknown.example', ['-CAfile', tls.authorityPath]);
  t.is(other.subject, 'CN=shop.example', 'the first is the default');
  const old = await tlsOf(client(), ip.address, 443, 'shop.example', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']);
  t.is(old.protocol, null, 'TLS 1.1');
  const http2 = await curl(client(), [...args, '--http2', '--write-out', '%{http_version}', 'https://blog.example/']);
  t.regex(http2.stdout, new RegExp(`^hostname: 10\\.1\\.1\\.\\d+\nclient: .*\nforwarded: ${internet.gateway}\n2$`));
  await tenant.client.run('removeCertFromLoadBalancer', { lbruleid: id });
  t.is((await curl(client(), [...args, '--max-time', '1', 'https://shop.example/'])).exitCode, nobodyAnswers);
  await tenant.client.run('deleteLoadBalancerRule', { id });
});

test.serial('no request fails while members change and a certificate is exchanged', async (t) => {
  const plain = await balance(tenant, ip, { publicport: 8007, members: [one, two] });
  const ended = await balance(tenant, ip, { publicport: 8443, members: [one, two], values: { protocol: 'ssl' } });
  const first = await tls.upload('first', 'shop.example');
  const second = await tls.upload('second', 'shop.example');
  await tenant.client.run('assignCertToLoadBalancer', { lbruleid: ended, certid: first });
  const loads = Promise.all([load(client(), url(8007), 12, 20), load(client(), `https://${ip.address}:8443/`, 12, 20)]);
  let changes = 0;
  const isOver = loads.then(() => true);
  while (!(await Promise.race([isOver, new Promise<false>((resolve) => setTimeout(resolve, 50, false))]))) {
    for (const [command, id] of [
      ['assignToLoadBalancerRule', plain],
      ['assignToLoadBalancerRule', ended],
      ['removeFromLoadBalancerRule', plain],
      ['removeFromLoadBalancerRule', ended],
    ] as const) {
      await tenant.client.run(command, { id, virtualmachineids: three.id });
    }
    const certid = changes % 2 === 0 ? second : first;
    await tenant.client.run('assignCertToLoadBalancer', { lbruleid: ended, certid, forced: true });
    changes += 1;
  }
  t.true(changes >= 2, `${changes} rounds of changes`);
  for (const { requests, failed, output } of await loads) {
    t.true(requests > 100, output);
    t.is(failed, 0, output);
  }
  t.log(`${changes} rounds; ${(await loads).map(({ requests }) => requests).join(' and ')} requests`);
});

test.serial('a dead instance gets no requests, and the API says so', async (t) => {
  const id = await balance(tenant, ip, { publicport: 8008, members: [one, two] });
  const check = { pingpath: '/health', intervaltime: 1, healthythreshold: 1, unhealthythreshold: 2 };
  const made = objectIn(
    await tenant.client.run('createLBHealthCheckPolicy', { lbruleid: id, ...check }),
    'healthcheckpolicies',
  );
  await inState(id, 'UP', two);
  const ill = `http://${two.address}:${backendPorts.http}/ill`;
  await curl(two.host, ['--request', 'POST', ill]);
  await inState(id, 'DOWN', two);
  t.deepEqual(distinct(await answerers(client(), url(8008), 6)), addresses(one));
  const [rule] = await tenant.client.list('listLoadBalancerRules', { id, statistics: true });
  t.like(rule?.statistics, { instancesup: 1, instancesdown: 1 });
  await curl(two.host, ['--request', 'POST', ill.replace('/ill', '/well')]);
  await inState(id, 'UP', two);
  t.deepEqual(distinct(await answerers(client(), url(8008), 6)), addresses(one, two));
  // Without the policy by a TCP connection, which a server that has ended does not take.
  const policy = text(objectsIn(made, 'healthcheckpolicy')[0] ?? {}, 'id');
  await tenant.client.run('deleteLBHealthCheckPolicy', { id: policy });
  cloud.lab.machine.commands.signal(backends[1] ?? 0, 'SIGTERM');
  await inState(id, 'DOWN', two);
  t.deepEqual(distinct(await answerers(client(), url(8008), 6)), addresses(one));
  await startBackend(cloud, two);
  await inState(id, 'UP', two);
});

test.serial(
  'a destroyed instance leaves its rules, and rules survive a restart with cleanup and go with their address',
  async (t) => {
    const address = await tenant.associate();
    const id = await balance(tenant, address, { publicport: 80, members: [one, three] });
    const at = `http://${address.address}/`;
    t.deepEqual(distinct(await answerers(client(), at, 6)), addresses(one, three));
    await tenant.client.run('destroyVirtualMachine', { id: three.id, expunge: true });
    t.deepEqual(
      (await tenant.client.list('listLoadBalancerRuleInstances', { id })).map((each) => each.id),
      [one.id],
    );
    t.deepEqual(distinct(await answerers(client(), at, 6)), addresses(one));
    await tenant.client.run('restartNetwork', { id: tenant.networkId, cleanup: true });
    t.deepEqual(distinct(await answerers(client(), at, 3)), addresses(one));
    await tenant.client.run('disassociateIpAddress', { id: address.id });
    t.deepEqual(
      await tenant.client.list('listLoadBalancerRules', { id: undefined, publicipid: undefined, name: 'port-80' }),
      [],
    );
  },
);
