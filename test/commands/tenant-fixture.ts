// A zone, tenants and the API in front of a real PostgreSQL; behind it an orchestration that flips states at once.

import { ipv4FromNumber, ipv4ToNumber, parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import { idleOrchestration, startTestApi, type TestAccount, type TestApi } from '@isthmus/orchestrator/api/testing';
import { ApiError } from '@isthmus/orchestrator/commands/errors';
import type { Orchestration } from '@isthmus/orchestrator/commands/orchestration';
import { ensureBuiltInRows } from '@isthmus/orchestrator/store/built-in';
import type { Db } from '@isthmus/orchestrator/store/database';

/** The addresses of the zone: 16 public ones, unless a test asks for fewer. */
const firstPublicAddress = parseIpv4Address('203.0.113.10');

/** Forwards to this port are refused by the router of the tests. */
export const refusedPort = 13;

/** The API with one zone; `networkOffering` is the field's default isolated one. */
export interface TenantApi extends TestApi {
  readonly zoneId: string;
  readonly networkOfferingId: string;
  readonly serviceOfferingId: string;
  readonly templateId: string;
}

/** An account with a network, an instance in it and a public address that is not for source NAT. */
export interface Tenant extends TestAccount {
  readonly networkId: string;
  readonly machineId: string;
  readonly addressId: string;
  readonly address: string;
}

/** What the machinery does to rows, at once and without a router. */
function flippingOrchestration(db: Db): Orchestration {
  const setMachine = (id: string, state: 'Running' | 'Stopped' | 'Destroyed') =>
    db.updateTable('virtual_machine').set({ state }).where('id', '=', id).execute();
  return idleOrchestration({
    settleRule: async (table, id) => {
      if (table === 'public_ip_address') {
        const row = db.updateTable(table).where('id', '=', id);
        await row
          .set({ static_nat_state: null, static_nat_nic_id: null })
          .where('static_nat_state', '=', 'Revoke')
          .execute();
        await row.set({ static_nat_state: 'Active' }).where('static_nat_state', '=', 'Add').execute();
        return;
      }
      if (table === 'port_forwarding_rule') {
        // What a router answers with that refuses an entry: the new row is gone.
        const refused = db.deleteFrom(table).where('id', '=', id).where('private_start_port', '=', refusedPort);
        const { numDeletedRows } = await refused.executeTakeFirstOrThrow();
        if (numDeletedRows > 0n) throw new ApiError('internal', 'The router refuses the rule');
      }
      if (table === 'load_balancer_rule') {
        const refused = db.deleteFrom(table).where('id', '=', id).where('private_port', '=', refusedPort);
        const { numDeletedRows } = await refused.executeTakeFirstOrThrow();
        if (numDeletedRows > 0n) throw new ApiError('internal', 'The router refuses the rule');
      }
      await db.deleteFrom(table).where('id', '=', id).where('state', '=', 'Revoke').execute();
      await db.updateTable(table).set({ state: 'Active', previous: null }).where('id', '=', id).execute();
    },
    implementNetwork: async (id) => {
      const { name } = await db.selectFrom('network').select('name').where('id', '=', id).executeTakeFirstOrThrow();
      // What a zone without a host answers with.
      if (name === 'unlucky') throw new ApiError('insufficientCapacity', 'No host has room for the router');
      await db.updateTable('network').set({ state: 'Implemented' }).where('id', '=', id).execute();
    },
    startVirtualMachine: async (id) => {
      await setMachine(id, 'Running');
      await db
        .updateTable('network')
        .set({ state: 'Implemented' })
        .where('id', 'in', (eb) => eb.selectFrom('nic').select('network_id').where('virtual_machine_id', '=', id))
        .execute();
    },
    stopVirtualMachine: async (id) => {
      await setMachine(id, 'Stopped');
    },
    destroyVirtualMachine: async (id, { expunge }) => {
      await db.deleteFrom('load_balancer_member').where('virtual_machine_id', '=', id).execute();
      await db.deleteFrom('port_forwarding_rule').where('virtual_machine_id', '=', id).execute();
      await db
        .updateTable('public_ip_address')
        .set({ static_nat_state: null, static_nat_nic_id: null })
        .where('static_nat_state', '=', 'Revoke')
        .execute();
      await setMachine(id, 'Destroyed');
      if (expunge) await db.deleteFrom('virtual_machine').where('id', '=', id).execute();
    },
    deleteNetwork: async (id) => {
      await freeAddresses(db, 'network_id', id);
      await db.deleteFrom('network').where('id', '=', id).execute();
    },
    releasePublicIpAddress: async (id) => {
      await db.deleteFrom('port_forwarding_rule').where('public_ip_address_id', '=', id).execute();
      await db.deleteFrom('load_balancer_rule').where('public_ip_address_id', '=', id).execute();
      await db.deleteFrom('firewall_rule').where('public_ip_address_id', '=', id).execute();
      await freeAddresses(db, 'id', id);
    },
  });
}

async function freeAddresses(db: Db, column: 'id' | 'network_id', id: string): Promise<void> {
  await db
    .updateTable('public_ip_address')
    .set({ state: 'Free', account_id: null, domain_id: null, network_id: null, is_source_nat: false })
    .where(column, '=', id)
    .execute();
}

/**
 * Starts the API and makes a zone with `publicAddresses` public addresses from 203.0.113.10. `methods` replace some of the
 * orchestration's.
 */
export async function startTenantApi(
  publicAddresses = 64,
  methods: (db: Db) => Partial<Orchestration> = () => ({}),
): Promise<TenantApi> {
  const api = await startTestApi({ orchestration: (db) => ({ ...flippingOrchestration(db), ...methods(db) }) });
  const { db } = api;
  const admin = await db.selectFrom('account').selectAll().where('name', '=', 'admin').executeTakeFirstOrThrow();
  await db.transaction().execute((trx) => ensureBuiltInRows(trx, { accountId: admin.id, domainId: admin.domain_id }));
  const zoneId = await addZone(db, publicAddresses);
  const first = async (table: 'network_offering' | 'service_offering' | 'template', name: string) => {
    const row = await db.selectFrom(table).select('id').where('name', '=', name).executeTakeFirstOrThrow();
    return row.id;
  };
  return {
    ...api,
    zoneId,
    networkOfferingId: await first('network_offering', 'DefaultIsolatedNetworkOfferingWithSourceNatService'),
    serviceOfferingId: await first('service_offering', 'Small Instance'),
    templateId: await first('template', 'isthmus-http-echo'),
  };
}

async function addZone(db: Db, publicAddresses: number): Promise<string> {
  const { id: zoneId } = await db
    .insertInto('zone')
    .values({
      name: 'zone1',
      network_type: 'Advanced',
      dns1: parseIpv4Address('198.51.100.53'),
      dns2: null,
      internal_dns1: parseIpv4Address('198.51.100.53'),
      internal_dns2: null,
      guest_cidr: parseIpv4Cidr('10.1.1.0/24'),
      network_domain: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const { id: physicalNetworkId } = await db
    .insertInto('physical_network')
    .values({
      zone_id: zoneId,
      name: 'physical1',
      state: 'Enabled',
      vni_first: 100,
      vni_last: 200,
      network_speed: null,
      tags: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('traffic_type')
    .values(
      (['Guest', 'Public'] as const).map((traffic_type) => ({
        physical_network_id: physicalNetworkId,
        traffic_type,
        label: null,
      })),
    )
    .execute();
  const start = ipv4ToNumber(firstPublicAddress);
  const { id: rangeId } = await db
    .insertInto('vlan_ip_range')
    .values({
      zone_id: zoneId,
      physical_network_id: physicalNetworkId,
      vlan: 'vlan://untagged',
      gateway: parseIpv4Address('203.0.113.1'),
      netmask: parseIpv4Address('255.255.255.0'),
      start_ip: firstPublicAddress,
      end_ip: ipv4FromNumber(start + publicAddresses - 1),
      account_id: null,
      domain_id: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('public_ip_address')
    .values(
      Array.from({ length: publicAddresses }, (_, index) => ({
        address: ipv4FromNumber(start + index),
        address_number: start + index,
        vlan_ip_range_id: rangeId,
        zone_id: zoneId,
        account_id: null,
        domain_id: null,
        network_id: null,
        static_nat_nic_id: null,
        static_nat_state: null,
        allocated: null,
      })),
    )
    .execute();
  return zoneId;
}

/** The object under the only key of a job's result or a sync answer. */
export function inside(answer: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const [object] = Object.values(answer);
  if (typeof object !== 'object' || object === null) throw new Error(`expected an object in ${JSON.stringify(answer)}`);
  return object as Record<string, unknown>;
}

let tenants = 0;

/** An account of its own with a network, a running instance, its source NAT address and one further address. */
export async function addTenant(api: TenantApi, name = `tenant${++tenants}`): Promise<Tenant> {
  const account = await api.account(name);
  const { client } = account;
  const { zoneId: zoneid, networkOfferingId: networkofferingid } = api;
  const network = inside(await client.run('createNetwork', { name: `${name}-net`, zoneid, networkofferingid }));
  const networkid = String(network.id);
  const machine = inside(await deploy(api, account, { networkids: networkid }));
  await client.run('associateIpAddress', { networkid });
  const address = inside(await client.run('associateIpAddress', { networkid }));
  return {
    ...account,
    networkId: networkid,
    machineId: String(machine.id),
    addressId: String(address.id),
    address: String(address.ipaddress),
  };
}

/** deployVirtualMachine with the offering, template and zone of the test. */
export function deploy(
  api: TenantApi,
  { client }: TestAccount,
  values: Readonly<Record<string, string | boolean>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const { zoneId: zoneid, serviceOfferingId: serviceofferingid, templateId: templateid } = api;
  return client.run('deployVirtualMachine', { zoneid, serviceofferingid, templateid, ...values });
}
