// The demo of a first start: a zone of one host, an account with a network, an instance and an open port. Made through
// the public API, as any client would. Each step looks first whether it is done, so that an interrupted one goes on.
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { isIP } from 'node:net';
import { type ApiClient, type ApiObject, type ApiValues, createApiClient } from '@isthmus/api-client';
import type { DriverName } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { hostAgentUrl } from './host-agent-process.ts';
import {
  type CredentialsFile,
  type Folders,
  type Installation,
  readCredentials,
  writeCredentials,
} from './installation.ts';
import { generatePassword } from './store/password.ts';

export interface DemoOptions {
  readonly host: Host;
  readonly folders: Folders;
  readonly installation: Installation;
  readonly admin: CredentialsFile;
  /** Told of each step. */
  readonly report: (step: string) => void;
}

/** What the demo has shown. */
export interface DemoResult {
  /** Such as http://198.18.7.11:8080/. */
  readonly url: string;
  /** The body of the answer that came back through the forwarded port. */
  readonly answer: string;
  /** URL that opens the instance's console once, within half a minute; null where no proxy serves yet. */
  readonly console: string | null;
  readonly instanceId: string;
}

function id(object: ApiObject): string {
  return String(object.id);
}

/** The object of that name in a list; made where it is missing. */
async function ensure(
  client: ApiClient,
  list: readonly [command: string, values: ApiValues],
  matches: (object: ApiObject) => boolean,
  create: () => Promise<unknown>,
): Promise<ApiObject> {
  const find = async () => (await client.list(...list)).find(matches);
  const known = await find();
  if (known !== undefined) return known;
  await create();
  const made = await find();
  if (made === undefined) throw new Error(`${list[0]} does not list what was just made`);
  return made;
}

function named(name: string, field = 'name'): (object: ApiObject) => boolean {
  return (object) => object[field] === name;
}

/** The first IPv4 name server of the machine that a router can reach too. */
async function nameServer(): Promise<string> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = '']) => server);
  return servers.find((server) => isIP(server) === 4 && !server.startsWith('127.')) ?? '9.9.9.9';
}

async function makeZone(client: ApiClient): Promise<string> {
  const dns = await nameServer();
  const values = { name: 'demo-zone', networktype: 'Advanced', dns1: dns, internaldns1: dns };
  const zone = await ensure(client, ['listZones', {}], named('demo-zone'), () => client.run('createZone', values));
  return id(zone);
}

const trafficTypes = ['Public', 'Guest', 'Management'] as const;

async function makePhysicalNetwork(client: ApiClient, zoneid: string): Promise<string> {
  const name = 'demo-physical-network';
  const physical = await ensure(client, ['listPhysicalNetworks', { zoneid }], named(name), () =>
    client.run('createPhysicalNetwork', { zoneid, name, vlan: '100-4000', isolationmethods: 'VXLAN' }),
  );
  const physicalnetworkid = id(physical);
  for (const traffictype of trafficTypes) {
    await ensure(client, ['listTrafficTypes', { physicalnetworkid }], named(traffictype, 'traffictype'), () =>
      client.run('addTrafficType', { physicalnetworkid, traffictype }),
    );
  }
  await client.run('updatePhysicalNetwork', { id: physicalnetworkid, state: 'Enabled' });
  return physicalnetworkid;
}

async function enableRouters(client: ApiClient, physicalnetworkid: string): Promise<void> {
  const providers = await client.list('listNetworkServiceProviders', { physicalnetworkid });
  for (const provider of providers.filter(named('VirtualRouter'))) {
    const elements = await client.list('listVirtualRouterElements', { nspid: id(provider) });
    for (const element of elements)
      await client.run('configureVirtualRouterElement', { id: id(element), enabled: true });
    await client.run('updateNetworkServiceProvider', { id: id(provider), state: 'Enabled' });
  }
}

async function makeHost(client: ApiClient, zoneid: string, url: string): Promise<void> {
  const pod = await ensure(client, ['listPods', { zoneid }], named('demo-pod'), () =>
    client.run('createPod', {
      zoneid,
      name: 'demo-pod',
      gateway: '172.31.0.1',
      netmask: '255.255.255.0',
      startip: '172.31.0.10',
      endip: '172.31.0.250',
    }),
  );
  const podid = id(pod);
  const cluster = await ensure(client, ['listClusters', { podid }], named('demo-cluster'), () =>
    client.run('addCluster', {
      zoneid,
      podid,
      clustername: 'demo-cluster',
      clustertype: 'CloudManaged',
      hypervisor: 'KVM',
    }),
  );
  const hosts = await client.list('listHosts', { zoneid, type: 'Routing' });
  if (hosts.length > 0) return;
  await client.run('addHost', { zoneid, podid, clusterid: id(cluster), hypervisor: 'KVM', url });
}

async function makePublicRange(client: ApiClient, zoneid: string, physicalnetworkid: string, network: string) {
  const startip = `${network}.10`;
  await ensure(client, ['listVlanIpRanges', { zoneid }], named(startip, 'startip'), () =>
    client.run('createVlanIpRange', {
      zoneid,
      physicalnetworkid,
      forvirtualnetwork: true,
      gateway: `${network}.1`,
      netmask: '255.255.255.0',
      startip,
      endip: `${network}.250`,
      vlan: 'untagged',
    }),
  );
}

/** Zone, physical network, pod, cluster, host and public addresses. */
async function makeInfrastructure(client: ApiClient, options: DemoOptions): Promise<string> {
  options.report('zone, physical network and traffic types');
  const zoneid = await makeZone(client);
  const physicalnetworkid = await makePhysicalNetwork(client, zoneid);
  await enableRouters(client, physicalnetworkid);
  options.report('pod, cluster and host');
  await makeHost(client, zoneid, hostAgentUrl(options.folders));
  options.report('public addresses');
  await makePublicRange(client, zoneid, physicalnetworkid, options.installation.publicNetwork);
  await client.run('updateZone', { id: zoneid, allocationstate: 'Enabled' });
  return zoneid;
}

/** Account demo, with keys in var/credentials/demo.json. */
async function makeAccount(client: ApiClient, { host, folders, admin }: DemoOptions): Promise<CredentialsFile> {
  const known = await readCredentials(host, folders.data, 'demo');
  if (known !== null && known.endpoint === admin.endpoint) return known;
  const password = known?.password ?? generatePassword();
  const profile = { username: 'demo', firstname: 'Demo', lastname: 'Tenant', email: 'demo@example.org', password };
  const account = await ensure(client, ['listAccounts', { listall: true }], named('demo'), () =>
    client.run('createAccount', { ...profile, account: 'demo', accounttype: 0 }),
  );
  const users = await client.list('listUsers', { listall: true, account: 'demo', domainid: String(account.domainid) });
  const [user] = users;
  if (user === undefined) throw new Error('account demo has no user: delete the account and start again');
  await client.run('updateUser', { id: id(user), password });
  const answer = await client.run('registerUserKeys', { id: id(user) });
  const keys = answer.userkeys as ApiObject;
  const credentials: CredentialsFile = {
    endpoint: admin.endpoint,
    username: 'demo',
    password,
    apiKey: String(keys.apikey),
    secretKey: String(keys.secretkey),
  };
  await writeCredentials(host, folders.data, 'demo', credentials);
  return credentials;
}

async function firstNamed(
  client: ApiClient,
  command: string,
  values: ApiValues,
  matches: (object: ApiObject) => boolean,
) {
  const found = (await client.list(command, values)).find(matches);
  if (found === undefined) throw new Error(`${command}: expected what every installation comes with`);
  return id(found);
}

async function makeNetwork(client: ApiClient, zoneid: string): Promise<string> {
  const networkofferingid = await firstNamed(
    client,
    'listNetworkOfferings',
    { state: 'Enabled' },
    named('DefaultIsolatedNetworkOfferingWithSourceNatService'),
  );
  const name = 'demo-network';
  const network = await ensure(client, ['listNetworks', {}], named(name), () =>
    client.run('createNetwork', { name, displaytext: 'The network of the demo', networkofferingid, zoneid }),
  );
  return id(network);
}

/** The template that the machine's own host can run: an image of a VM's disk, or what the namespace driver has built in. */
function runsOn(driver: DriverName): (template: ApiObject) => boolean {
  return ({ format }) => (format === 'QCOW2') === (driver === 'libvirt');
}

async function makeInstance(
  client: ApiClient,
  zoneid: string,
  networkids: string,
  driver: DriverName,
): Promise<string> {
  const list = () => client.list('listVirtualMachines', {});
  const name = 'demo-instance';
  const failed = (await list()).find((machine) => machine.name === name && machine.state === 'Error');
  if (failed !== undefined) await client.run('destroyVirtualMachine', { id: id(failed), expunge: true });
  const machine = await ensure(client, ['listVirtualMachines', {}], named(name), async () => {
    const templateid = await firstNamed(client, 'listTemplates', { templatefilter: 'featured' }, runsOn(driver));
    const serviceofferingid = await firstNamed(client, 'listServiceOfferings', {}, () => true);
    await client.run('deployVirtualMachine', { name, zoneid, templateid, serviceofferingid, networkids });
  });
  // A deployment that an interrupted start has begun goes on by itself.
  for (let attempt = 0; attempt < 1_800; attempt += 1) {
    const state = (await list()).find((candidate) => id(candidate) === id(machine))?.state;
    if (state === 'Running') return id(machine);
    if (state === 'Stopped') await client.run('startVirtualMachine', { id: id(machine) });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`instance ${name} does not run`);
}

const publicport = 8080;

async function openPort(client: ApiClient, networkid: string, virtualmachineid: string): Promise<string> {
  const address = await ensure(
    client,
    ['listPublicIpAddresses', { associatednetworkid: networkid }],
    ({ issourcenat }) => issourcenat === false,
    () => client.run('associateIpAddress', { networkid }),
  );
  const ipaddressid = id(address);
  const firewall = { ipaddressid, protocol: 'tcp', startport: publicport, endport: publicport, cidrlist: '0.0.0.0/0' };
  await ensure(
    client,
    ['listFirewallRules', { ipaddressid }],
    ({ startport }) => startport === publicport,
    () => client.run('createFirewallRule', firewall),
  );
  const forward = { ipaddressid, protocol: 'tcp', publicport, privateport: 80, virtualmachineid, openfirewall: false };
  await ensure(
    client,
    ['listPortForwardingRules', { ipaddressid }],
    (rule) => String(rule.publicport) === String(publicport),
    () => client.run('createPortForwardingRule', forward),
  );
  return `http://${address.ipaddress}:${publicport}/`;
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { timeout: 2_000 }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      answer.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`${url} does not answer within 2 s`)));
    call.on('error', reject);
    call.end();
  });
}

/** Asks the forwarded port until it answers: an instance takes a moment to boot. */
async function ask(host: Host, url: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await get(url);
    } catch (error) {
      if (attempt === 240) throw new Error(`${url}: expected an answer through the forwarded port`, { cause: error });
      await host.clock.sleep(250);
    }
  }
}

/** Asks for a console until the zone's first proxy serves: seconds for a process, longer for a VM, which is not waited for. */
async function openConsole(host: Host, client: ApiClient, virtualmachineid: string): Promise<string | null> {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const { consoleendpoint } = await client.run('createConsoleEndpoint', { virtualmachineid });
    const { success, url } = consoleendpoint as ApiObject;
    if (success === true) return String(url);
    await host.clock.sleep(500);
  }
  return null;
}

/** Makes what of the demo is missing, and asks the forwarded port. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const admin = createApiClient(options.admin);
  const zoneid = await makeInfrastructure(admin, options);
  options.report('account demo and its keys');
  const tenant = createApiClient(await makeAccount(admin, options));
  options.report('network demo-network');
  const networkid = await makeNetwork(tenant, zoneid);
  options.report('instance demo-instance, and the router that it needs');
  const machine = await makeInstance(tenant, zoneid, networkid, options.installation.driver ?? 'namespace');
  options.report('public address, firewall rule and port forward');
  const url = await openPort(tenant, networkid, machine);
  options.report(`a request to ${url}`);
  const answer = await ask(options.host, url);
  options.report('a console of demo-instance');
  return { url, answer, console: await openConsole(options.host, tenant, machine), instanceId: machine };
}
