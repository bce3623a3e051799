// A whole cloud: a lab, an orchestrator as a process of its own that can be killed, a zone whose host is the lab's, and
// tenants who call the API. For scenario tests and benchmarks.
//
//   const cloud = await createCloud();           cloud.teardown() in the end; one cloud serves all tests of a file
//   cloud.admin                                  ApiClient of the root admin
//   const tenant = await cloud.tenant('alice')   an account with keys and a network 10.1.1.0/24; its `client` calls as it
//   const web = await tenant.deploy('web')       an instance with its lease; `web.host` runs commands in it
//                                                on a host of VMs one of the guest image, reached by its console
//   const ip = await tenant.sourceNat()          the network's address; tenant.associate(): a further one
//   await tenant.forward(ip, web, {publicport: 80, privateport: 80})
//   await tenant.openIngress(ip, {protocol: 'tcp', startport: 80, cidrlist: '198.51.100.20/32'})
//   cloud.killOrchestrator(), cloud.startOrchestrator(), cloud.lab.killHostAgent(), cloud.lab.startHostAgent()
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ApiClient, type ApiValues, createApiClient } from '@isthmus/api-client';
import { type Db, openDatabase } from '@isthmus/orchestrator/store/database';
import { guestTemplateName } from '@isthmus/orchestrator/store/guest-template';
import { stopPostgresCluster } from '@isthmus/orchestrator/store/postgres-cluster';
import { isStillRunning, waitFor } from './clients.ts';
import { type Door, openDoor } from './door.ts';
import { ensureImages, imageFolder, imageKeyFolder } from './images.ts';
import { createLab, type Lab, type LabOptions } from './index.ts';
import { internet } from './network.ts';
import { type RouterAgent, vmRouterAgent } from './router-agents.ts';
import { objectIn, objectsIn, only, Tenant, type TenantOptions, text } from './tenant.ts';

export * from './tenant.ts';

const program = fileURLToPath(new URL('../../orchestrator/main.ts', import.meta.url));
/** Where an orchestrator on the management network listens, which has a loopback of its own. */
const insideEndpoint = '127.0.0.1:8080';
const readySign = 'Ctrl-C stops the orchestrator';

export class Cloud {
  readonly lab: Lab;
  #admin: ApiClient | null = null;
  #db: Db | null = null;
  #orchestrator: number | null = null;
  #endpoint = '127.0.0.1:0';
  #outputs = 0;
  /** Where the orchestrator looks for images at its next start. */
  images = imageFolder;
  zoneId = '';
  templateId = '';
  serviceOfferingId = '';
  readonly #offerings = new Map<boolean, Promise<string>>();
  /** Ids of the hosts, in the order of the lab's hypervisors. */
  readonly hostIds: string[] = [];
  #door: Door | null = null;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** Configuration and credentials of the installation. */
  get data(): string {
    return `${this.lab.run}/var`;
  }

  /** Where the orchestrator's HTTP server is, such as `http://127.0.0.1:8080`. */
  get origin(): string {
    return `http://${this.#endpoint}`;
  }

  get admin(): ApiClient {
    if (this.#admin === null) throw new Error('the cloud has no orchestrator yet');
    return this.#admin;
  }

  /** The orchestrator's database. */
  get db(): Db {
    const socket = encodeURIComponent(`${this.lab.run}/postgresql`);
    this.#db ??= openDatabase(`postgresql://postgres@localhost/isthmus?host=${socket}`);
    return this.#db;
  }

  /** Starts the orchestrator and waits until it serves. It answers on the same port as before. */
  async startOrchestrator(): Promise<void> {
    await this.#openDoor();
    this.#outputs += 1;
    const logPath = `${this.lab.run}/orchestrator-${this.#outputs}.log`;
    const coverage = process.env.NODE_V8_COVERAGE;
    const env = {
      ISTHMUS_DATA: this.data,
      ISTHMUS_LISTEN: this.#door === null ? this.#endpoint : insideEndpoint,
      ISTHMUS_IMAGES: this.images,
      ISTHMUS_IMAGE_KEYS: imageKeyFolder,
      ...(coverage !== undefined && { NODE_V8_COVERAGE: coverage }),
    };
    const { commands } = this.lab.orchestratorHost;
    const pid = await commands.startDaemon(process.execPath, [program, 'start', '--empty'], { logPath, env });
    this.#orchestrator = pid;
    const ready = async () => {
      const output = await readFile(logPath, 'utf8');
      if (output.includes(readySign)) return true;
      if (!(await isStillRunning(this.lab.machine, pid, process.execPath))) {
        throw new Error(`the orchestrator ended:\n${output}`);
      }
      return false;
    };
    await waitFor(`the orchestrator serves (${logPath})`, ready, 60_000);
    const credentials = JSON.parse(await readFile(`${this.data}/credentials/admin.json`, 'utf8'));
    this.#endpoint = this.#door?.address ?? new URL(credentials.endpoint).host;
    this.#admin ??= createApiClient({ ...credentials, endpoint: `http://${this.#endpoint}/client/api` });
  }

  /** The way to an orchestrator that runs in a namespace. */
  async #openDoor(): Promise<void> {
    const { lab } = this;
    if (this.#door !== null || lab.orchestratorHost === lab.machine) return;
    const [host = '', port] = insideEndpoint.split(':');
    const start = (file: string, args: readonly string[]) => lab.startDaemon(lab.orchestratorHost, file, args);
    const target = { host, port: Number(port) };
    this.#door = await openDoor({ machine: lab.machine, socket: `${lab.run}/api.sock`, target, start });
  }

  /** Ends the orchestrator and waits until it is gone. */
  async killOrchestrator(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const pid = this.#orchestrator;
    if (pid === null) throw new Error('the cloud has no orchestrator that runs');
    const { commands } = this.lab.machine;
    commands.signal(pid, signal);
    await waitFor('the orchestrator ends', async () => !(await commands.isRunning(pid, process.execPath)), 30_000);
    this.#orchestrator = null;
  }

  /** The agent of a router, in its host agent or in its VM. */
  async routerAgent(id: string): Promise<RouterAgent> {
    const { lab } = this;
    const index = lab.hasHypervisors ? (await lab.hypervisors.emulators('r', id))[0]?.hypervisor : undefined;
    if (index !== undefined) return vmRouterAgent(this, index, id);
    return { status: () => lab.agent.status(id), state: () => lab.agent.state(id) };
  }

  /** Sets a setting of the installation. */
  async configure(name: string, value: string | number): Promise<void> {
    await this.admin.run('updateConfiguration', { name, value });
  }

  /** Makes the zone, by the calls that an admin makes. */
  async buildZone(): Promise<void> {
    const { admin } = this;
    const made = async (command: string, field: string, values: ApiValues) =>
      text(objectIn(await admin.run(command, values), field), 'id');
    const dns = { dns1: internet.dns, internaldns1: internet.dns };
    const zoneid = await made('createZone', 'zone', { name: 'zone1', networktype: 'Advanced', ...dns });
    const physical = { zoneid, name: 'physical1', vlan: '100-200', isolationmethods: 'VXLAN' };
    const physicalnetworkid = await made('createPhysicalNetwork', 'physicalnetwork', physical);
    const label = { traffictype: 'Public', kvmnetworklabel: internet.bridge };
    await admin.run('addTrafficType', { physicalnetworkid, ...label });
    await admin.run('addTrafficType', { physicalnetworkid, traffictype: 'Guest' });
    await admin.run('updatePhysicalNetwork', { id: physicalnetworkid, state: 'Enabled' });
    const providers = await admin.list('listNetworkServiceProviders', { physicalnetworkid, name: 'VirtualRouter' });
    const nspid = text(only('VirtualRouter provider', providers), 'id');
    const element = only('virtual router element', await admin.list('listVirtualRouterElements', { nspid }));
    await admin.run('configureVirtualRouterElement', { id: text(element, 'id'), enabled: true });
    await admin.run('updateNetworkServiceProvider', { id: nspid, state: 'Enabled' });
    await this.#addHosts(zoneid);
    await admin.run('createVlanIpRange', {
      zoneid,
      physicalnetworkid,
      forvirtualnetwork: true,
      gateway: internet.gateway,
      netmask: '255.255.255.0',
      startip: '203.0.113.10',
      endip: '203.0.113.60',
      vlan: 'untagged',
    });
    await admin.run('updateZone', { id: zoneid, allocationstate: 'Enabled' });
    this.zoneId = zoneid;
    this.templateId = await this.#template();
    this.serviceOfferingId = text(only('service offering', await admin.list('listServiceOfferings')), 'id');
  }

  async #addHosts(zoneid: string): Promise<void> {
    const { admin, lab } = this;
    const pod = await admin.run('createPod', {
      zoneid,
      name: 'pod1',
      gateway: '172.31.0.1',
      netmask: '255.255.255.0',
      startip: '172.31.0.100',
      endip: '172.31.0.250',
    });
    const podid = text(objectIn(pod, 'pod'), 'id');
    const kind = { clustertype: 'CloudManaged', hypervisor: 'KVM' };
    await admin.run('addCluster', { zoneid, podid, clustername: 'cluster1', ...kind });
    const clusterid = text(only('cluster', await admin.list('listClusters', { podid })), 'id');
    const urls = lab.hasHypervisors ? lab.hypervisors.all.map((_, index) => lab.hypervisors.url(index)) : [null];
    for (const [index, url] of urls.entries()) {
      const values = { zoneid, podid, clusterid, hypervisor: 'KVM', url: url ?? `unix:${lab.socket}` };
      const added = await admin.run('addHost', values);
      const host = only('host', objectsIn(added, 'host'));
      this.hostIds.push(text(host, 'id'));
      if (lab.hasHypervisors && lab.hypervisors.isJoined) await this.#join(index, text(host, 'jointoken'));
    }
  }

  /** Starts the host agent of a hypervisor with its token and waits until the host is up. */
  async #join(index: number, token: string): Promise<void> {
    await this.lab.hypervisors.startHostAgent(index, token);
    await this.hostReaches(index, 'Up', 90_000);
  }

  /** Waits until the host of a hypervisor is in a state. */
  async hostReaches(index: number, state: string, timeoutMs = 60_000): Promise<void> {
    const id = this.hostIds[index] ?? '';
    const has = async () => (await this.admin.list('listHosts', { id }))[0]?.state === state;
    await waitFor(`host ${index + 1} is ${state}`, has, timeoutMs);
  }

  /** Tells the orchestrator of a hypervisor's BMC, so that the host can be fenced. */
  async enableFencing(index: number): Promise<void> {
    const hostid = this.hostIds[index] ?? '';
    const bmc = this.lab.hypervisors.bmcs[index];
    if (bmc === undefined) throw new Error(`hypervisor ${index} has no BMC`);
    const { address, port, username, password } = bmc;
    const values = { hostid, driver: 'ipmitool', address, port, username, password };
    await this.admin.run('configureOutOfBandManagement', values);
    await this.admin.run('enableOutOfBandManagementForHost', { hostid });
  }

  /** What instances are made of: VMs of the guest image where the first host is of VMs and no other is of namespaces. */
  async #template(): Promise<string> {
    const { lab } = this;
    const isOfVms = lab.hasHypervisors && !lab.hypervisors.drivers.includes('namespace');
    const known = async () => {
      const templates = await this.admin.list('listTemplates', { templatefilter: 'featured' });
      return templates.find(({ name }) => (name === guestTemplateName) === isOfVms);
    };
    return text(await waitFor('the template of instances', known), 'id');
  }

  /** The offering of isolated networks with that egress policy: the field's default, or one made for the purpose. */
  #offering(egressDefault: boolean): Promise<string> {
    const found = this.#offerings.get(egressDefault) ?? this.#makeOffering(egressDefault);
    this.#offerings.set(egressDefault, found);
    return found;
  }

  async #makeOffering(egressDefault: boolean): Promise<string> {
    const name = egressDefault ? 'isolated-egress-open' : 'DefaultIsolatedNetworkOfferingWithSourceNatService';
    if (egressDefault) {
      await this.admin.run('createNetworkOffering', {
        name,
        traffictype: 'GUEST',
        guestiptype: 'Isolated',
        supportedservices: 'Dhcp,Dns,UserData,Firewall,SourceNat,StaticNat,PortForwarding,Lb',
        egressdefaultpolicy: true,
        enable: true,
      });
    }
    return text(only(name, await this.admin.list('listNetworkOfferings', { name })), 'id');
  }

  /** Makes an account with keys and a network. */
  async tenant(name: string, options: TenantOptions = {}): Promise<Tenant> {
    const password = randomUUID();
    const person = { username: name, password, firstname: name, lastname: 'Tenant', email: `${name}@example.org` };
    const answer = await this.admin.run('createAccount', { account: name, accounttype: 0, ...person });
    const user = only('user', objectsIn(objectIn(answer, 'account'), 'user'));
    const keys = objectIn(await this.admin.run('registerUserKeys', { id: text(user, 'id') }), 'userkeys');
    const client = createApiClient({
      endpoint: `http://${this.#endpoint}/client/api`,
      apiKey: text(keys, 'apikey'),
      secretKey: text(keys, 'secretkey'),
    });
    const offering = await this.#offering(options.egressDefault ?? false);
    const network = await client.run('createNetwork', {
      name: `${name}-net`,
      zoneid: this.zoneId,
      networkofferingid: offering,
      ...options.network,
    });
    return new Tenant(this, client, name, text(objectIn(network, 'network'), 'id'));
  }

  /** Ends and removes everything. Throws where anything is left. May be called again. */
  async teardown(): Promise<void> {
    await this.#db?.destroy();
    this.#db = null;
    if (this.#orchestrator !== null) await this.killOrchestrator('SIGKILL').catch(() => undefined);
    const cluster = `${this.lab.state}/postgresql`;
    if (await this.lab.machine.files.exists(cluster)) await stopPostgresCluster(this.lab.machine, cluster);
    this.#door?.close();
    await rm(this.data, { recursive: true, force: true });
    await this.lab.teardown();
  }
}

/** How a cloud is made besides its lab. */
export interface CloudOptions extends LabOptions {
  /** Folder of images. Default: those of this checkout, built where they are not there. */
  readonly images?: string;
  /** True: its zone gets console proxies. Default: none. */
  readonly consoles?: boolean;
}

/** Hosts of a cloud whose routers are VMs on the first host and whose instances are namespaces, with every tool, on the second. */
export const routersAsVms: LabOptions = { hosts: ['libvirt', 'namespace'] };

/** True where the tests of a cloud take turns: each has a router VM of its own, and they would boot all at once. */
export function inTurn({ hosts = [] }: LabOptions): boolean {
  return hosts.includes('libvirt');
}

/** Makes a cloud with an empty zone. Where that fails, removes what was made and throws. */
export async function createCloud(options: CloudOptions = {}): Promise<Cloud> {
  if (inTurn(options)) await ensureImages();
  const lab = await createLab(options);
  const cloud = new Cloud(lab);
  cloud.images = options.images ?? imageFolder;
  try {
    const installation = { id: lab.installation, publicNetwork: '203.0.113', demo: 'none' };
    await lab.machine.files.makeDirectory(cloud.data);
    await lab.machine.files.writeText(`${cloud.data}/installation.json`, JSON.stringify(installation));
    await cloud.startOrchestrator();
    if (options.consoles !== true) await cloud.configure('consoleproxy.launch.max', 0);
    await cloud.buildZone();
    return cloud;
  } catch (error) {
    await cloud.teardown().catch(() => undefined);
    throw error;
  }
}

/** A cloud for one test, torn down when the test ends, however it ends. */
export async function cloudFor(
  t: { teardown(end: () => Promise<void>): void },
  options: CloudOptions = {},
): Promise<Cloud> {
  const cloud = await createCloud(options);
  t.teardown(() => cloud.teardown());
  return cloud;
}
