// A tenant of a cloud as its own client: its network, its instances, its rules.
import type { ApiClient, ApiObject, ApiValues } from '@isthmus/api-client';
import type { Host } from '@isthmus/host';
import type { Db } from '@isthmus/orchestrator/store/database';
import { waitFor } from './clients.ts';
import type { Lab } from './index.ts';
import type { RouterAgent } from './router-agents.ts';

/** What a tenant's cloud gives it. */
export interface TenantCloud {
  readonly lab: Lab;
  readonly admin: ApiClient;
  readonly db: Db;
  readonly zoneId: string;
  readonly templateId: string;
  readonly serviceOfferingId: string;
  /** The agent of a router. */
  routerAgent(id: string): Promise<RouterAgent>;
}

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
  /** As the deployment told it; null where its template has none. */
  readonly password: string | null;
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

/** The first of the objects. Throws where there is none. */
export const only = (what: string, objects: readonly ApiObject[]): ApiObject => {
  const [object] = objects;
  if (object === undefined) throw new Error(`expected one ${what}, found none`);
  return object;
};

/** A field as text. */
export const text = (object: ApiObject, field: string): string => String(object[field]);

/** Objects within an answer, such as the NICs of an instance. */
export function objectsIn(object: ApiObject, field: string): ApiObject[] {
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
  readonly cloud: TenantCloud;
  readonly client: ApiClient;
  readonly networkId: string;
  /** The account's name, also its domain's first label. */
  readonly name: string;

  constructor(cloud: TenantCloud, client: ApiClient, name: string, networkId: string) {
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
      password: typeof machine.password === 'string' ? machine.password : null,
      host: this.cloud.lab.instance(id),
    };
  }

  /** Waits until an instance has the address by DHCP. */
  async leased(machineId: string, address: string): Promise<void> {
    const { lab } = this.cloud;
    const has = async () => (await lab.leasedAddress(machineId)) === address;
    await waitFor(`the lease of ${address}`, has, lab.hasHypervisors ? lab.hypervisors.leaseMs : 60_000);
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
