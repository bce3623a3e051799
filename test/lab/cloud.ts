// A whole cloud: a lab, an orchestrator as a process of its own that can be killed, a zone whose host is the lab's, and
// tenants who call the API. For scenario tests and benchmarks.
//
//   const cloud = await createCloud();           cloud.teardown() in the end; one cloud serves all tests of a file
//   cloud.admin                                  ApiClient of the root admin
//   const tenant = await cloud.tenant('alice')   an account with keys and a network 10.1.1.0/24; its `client` calls as it
//   const web = await tenant.deploy('web')       an instance with its lease; `web.host` runs commands in it
//   const ip = await tenant.sourceNat()          the network's address; tenant.associate(): a further one
//   await tenant.forward(ip, web, {publicport: 80, privateport: 80})
//   await tenant.openIngress(ip, {protocol: 'tcp', startport: 80, cidrlist: '198.51.100.20/32'})
//   cloud.killOrchestrator(), cloud.startOrchestrator(), cloud.lab.killHostAgent(), cloud.lab.startHostAgent()
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ApiClient, type ApiObject, type ApiValues, createApiClient } from '@isthmus/api-client';
import type { Host } from '@isthmus/host';
import { type Db, openDatabase } from '@isthmus/orchestrator/store/database';
import { stopPostgresCluster } from '@isthmus/orchestrator/store/postgres-cluster';
import { waitFor } from './clients.ts';
import { createLab, type Lab, type LabOptions } from './index.ts';
import { internet } from './network.ts';

const program = fileURLToPath(new URL('../../orchestrator/main.ts', import.meta.url));
const readySign = 'Ctrl-C stops the orchestrator';

/** A public address of a tenant. */
export interface PublicIp {
  readonly id: string;
  readonly address: string;
}

/** An instance of a tenant, as it was when it got its lease. */
export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly macAddress: string;
  /** Runs commands inside of it. */
  readonly host: Host;
}

/** What of traffic a firewall rule matches, by the API's names. */
export interface RuleMatch {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  readonly startport?: number;
  readonly endport?: number;
  readonly icmptype?: number;
  readonly icmpcode?: number;
  readonly cidrlist?: string;
  readonly destcidrlist?: string;
}

/** Ports of a port forward, by the API's names. `openfirewall` is false unless given. */
export interface ForwardedPorts {
  readonly publicport: number;
  readonly publicendport?: number;
  readonly privateport: number;
  readonly privateendport?: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly openfirewall?: boolean;
}

/** How a tenant's network differs from 10.1.1.0/24 with egress denied by default. */
export interface TenantOptions {
  /** True: egress is allowed where no rule denies it. */
  readonly egressDefault?: boolean;
  /** Values of createNetwork besides name, zone and offering. */
  readonly network?: ApiValues;
}

const only = (what: string, objects: readonly ApiObject[]): ApiObject => {
  const [object] = objects;
  if (object === undefined) throw new Error(`expected one ${what}, found none`);
  return object;
};

const text = (object: ApiObject, field: string): string => String(object[field]);

/** Objects within an answer, such as the NICs of an instance. */
function objectsIn(object: ApiObject, field: string): ApiObject[] {
  const value = object[field];
  return Array.isArray(value) ? (value as ApiObject[]) : [];
}

/** The object that a command's answer wraps, such as `firewallrule`. */
export function objectIn(answer: ApiObject, field: string): ApiObject {
  const value = answer[field];
  if (typeof value !== 'object' || value === null) throw new Error(`expected ${field} in ${JSON.stringify(answer)}`);
  return value as ApiObject;
}

export class Tenant {
  readonly cloud: Cloud;
  readonly client: ApiClient;
  readonly networkId: string;
  /** The account's name, also its domain's first label. */
  readonly name: string;

  constructor(cloud: Cloud, client: ApiClient, name: string, networkId: string) {
    this.cloud = cloud;
    this.client = client;
    this.name = name;
    this.networkId = networkId;
  }

  /** Deploys an instance and waits until it has its lease. */
  async deploy(name: string, values: ApiValues = {}): Promise<Instance> {
    const { zoneId, templateId, serviceOfferingId } = this.cloud;
    const fixed = { zoneid: zoneId, templateid: templateId, serviceofferingid: serviceOfferingId };
    const answer = await this.client.run('deployVirtualMachine', {
      ...fixed,
      name,
      networkids: this.networkId,
      ...values,
    });
    const machine = objectIn(answer, 'virtualmachine');
    const nic = only('NIC', objectsIn(machine, 'nic'));
    const id = text(machine, 'id');
    await this.leased(id, text(nic, 'ipaddress'));
    return {
      id,
      name,
      address: text(nic, 'ipaddress'),
      macAddress: text(nic, 'macaddress'),
      host: this.cloud.lab.instance(id),
    };
  }

  /** Waits until an instance has the address by DHCP. */
  async leased(machineId: string, address: string): Promise<void> {
    const { agent } = this.cloud.lab;
    const has = async () => (await agent.instance(machineId)).address === address;
    await waitFor(`the lease of ${address}`, has, 20_000);
  }

  /** The network's source NAT address. */
  async sourceNat(): Promise<PublicIp> {
    const found = await this.client.list('listPublicIpAddresses', {
      associatednetworkid: this.networkId,
      issourcenat: true,
    });
    const address = only('source NAT address', found);
    return { id: text(address, 'id'), address: text(address, 'ipaddress') };
  }

  /** A further public address. */
  async associate(): Promise<PublicIp> {
    const answer = await this.client.run('associateIpAddress', { networkid: this.networkId });
    const address = objectIn(answer, 'ipaddress');
    return { id: text(address, 'id'), address: text(address, 'ipaddress') };
  }

  /** Forwards ports; answers with the rule's id. */
  async forward(ip: PublicIp, instance: Instance, ports: ForwardedPorts): Promise<string> {
    const values = { ipaddressid: ip.id, virtualmachineid: instance.id, protocol: 'tcp', openfirewall: false };
    const answer = await this.client.run('createPortForwardingRule', { ...values, ...ports });
    return text(objectIn(answer, 'portforwardingrule'), 'id');
  }

  /** Opens a public address; answers with the rule's id. */
  async openIngress(ip: PublicIp, match: RuleMatch): Promise<string> {
    const answer = await this.client.run('createFirewallRule', { ipaddressid: ip.id, ...match });
    return text(objectIn(answer, 'firewallrule'), 'id');
  }

  /** An egress rule; answers with its id. */
  async egressRule(match: RuleMatch): Promise<string> {
    const answer = await this.client.run('createEgressFirewallRule', { networkid: this.networkId, ...match });
    return text(objectIn(answer, 'firewallrule'), 'id');
  }

  /** The network's router, which the admin alone sees. */
  async router(): Promise<ApiObject> {
    return only('router', await this.cloud.admin.list('listRouters', { networkid: this.networkId, listall: true }));
  }

  /** Runs commands inside of the network's router. */
  async routerHost(): Promise<Host> {
    return this.cloud.lab.router(text(await this.router(), 'id'));
  }
}

export class Cloud {
  readonly lab: Lab;
  #admin: ApiClient | null = null;
  #db: Db | null = null;
  #orchestrator: number | null = null;
  #endpoint = '127.0.0.1:0';
  #outputs = 0;
  zoneId = '';
  templateId = '';
  serviceOfferingId = '';
  readonly #offerings = new Map<boolean, Promise<string>>();

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** Configuration and credentials of the installation. */
  get data(): string {
    return `${this.lab.run}/var`;
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
    this.#outputs += 1;
    const logPath = `${this.lab.run}/orchestrator-${this.#outputs}.log`;
    const coverage = process.env.NODE_V8_COVERAGE;
    const env = {
      ISTHMUS_DATA: this.data,
      ISTHMUS_LISTEN: this.#endpoint,
      ...(coverage !== undefined && { NODE_V8_COVERAGE: coverage }),
    };
    const { commands } = this.lab.machine;
    const pid = await commands.startDaemon(process.execPath, [program, 'start', '--empty'], { logPath, env });
    this.#orchestrator = pid;
    const ready = async () => {
      const output = await readFile(logPath, 'utf8');
      if (output.includes(readySign)) return true;
      if (!(await commands.isRunning(pid, process.execPath))) throw new Error(`the orchestrator ended:\n${output}`);
      return false;
    };
    await waitFor(`the orchestrator serves (${logPath})`, ready, 60_000);
    const credentials = JSON.parse(await readFile(`${this.data}/credentials/admin.json`, 'utf8'));
    this.#endpoint = new URL(credentials.endpoint).host;
    this.#admin ??= createApiClient(credentials);
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
    await this.#addHost(zoneid);
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
    const templates = await admin.list('listTemplates', { templatefilter: 'featured' });
    this.templateId = text(only('template', templates), 'id');
    this.serviceOfferingId = text(only('service offering', await admin.list('listServiceOfferings')), 'id');
  }

  async #addHost(zoneid: string): Promise<void> {
    const { admin } = this;
    const pod = await admin.run('createPod', {
      zoneid,
      name: 'pod1',
      gateway: '172.31.0.1',
      netmask: '255.255.255.0',
      startip: '172.31.0.10',
      endip: '172.31.0.250',
    });
    const podid = text(objectIn(pod, 'pod'), 'id');
    const kind = { clustertype: 'CloudManaged', hypervisor: 'KVM' };
    await admin.run('addCluster', { zoneid, podid, clustername: 'cluster1', ...kind });
    const clusterid = text(only('cluster', await admin.list('listClusters', { podid })), 'id');
    await admin.run('addHost', { zoneid, podid, clusterid, hypervisor: 'KVM', url: `unix:${this.lab.socket}` });
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
        supportedservices: 'Dhcp,Dns,Firewall,SourceNat,StaticNat,PortForwarding',
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
    await rm(this.data, { recursive: true, force: true });
    await this.lab.teardown();
  }
}

/** Makes a cloud with an empty zone. Where that fails, removes what was made and throws. */
export async function createCloud(options: LabOptions = {}): Promise<Cloud> {
  const lab = await createLab(options);
  const cloud = new Cloud(lab);
  try {
    const installation = { id: lab.installation, publicNetwork: '203.0.113', demo: 'none' };
    await lab.machine.files.makeDirectory(cloud.data);
    await lab.machine.files.writeText(`${cloud.data}/installation.json`, JSON.stringify(installation));
    await cloud.startOrchestrator();
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
  options: LabOptions = {},
): Promise<Cloud> {
  const cloud = await createCloud(options);
  t.teardown(() => cloud.teardown());
  return cloud;
}
