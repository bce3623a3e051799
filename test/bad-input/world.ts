// A small cloud in which every kind of entity has an id of the caller's own and one of another account's.
import { type ApiClient, createApiClient } from '@isthmus/api-client';
import type { TestAccount } from '@isthmus/orchestrator/api/testing';
import type { EntityName } from '@isthmus/orchestrator/commands/entities';
import { makeCertificate } from '@isthmus/orchestrator/model/certificate-fixture';
import { generateKey, hashPassword } from '@isthmus/orchestrator/store/password';
import { sql } from 'kysely';
import { inside, startTenantApi, type TenantApi } from '../commands/tenant-fixture.ts';

/**
 * Who calls. Domains: ROOT, north below it, city and town below north, south below ROOT. `owner` and `colleague` are two
 * users of one account of city, `neighbour` is another account of it.
 */
export const callerNames = [
  'root',
  'delegate',
  'northAdmin',
  'cityAdmin',
  'townAdmin',
  'owner',
  'colleague',
  'neighbour',
  'stranger',
] as const;
export type CallerName = (typeof callerNames)[number];

/** What an account has, by the kind of entity. */
type Belongings = Readonly<Partial<Record<EntityName, string>>> & { readonly egressRuleId: string };

/** The cloud. `delegate` is a domain admin of ROOT, which is no root admin. */
export interface World extends TenantApi {
  readonly domains: Readonly<Record<'ROOT' | 'north' | 'city' | 'town' | 'south', string>>;
  readonly callers: Readonly<Record<CallerName, ApiClient>>;
  readonly accounts: Readonly<Record<Exclude<CallerName, 'root' | 'colleague'>, TestAccount>>;
  readonly belongings: Readonly<Record<'owner' | 'neighbour' | 'stranger' | 'root', Belongings>>;
  /** An id of a kind that belongs to nobody, such as a zone. */
  readonly common: Readonly<Partial<Record<EntityName, string>>>;
}

async function onlyId(api: TenantApi, table: EntityName, where = sql<boolean>`true`): Promise<string> {
  const { rows } = await sql<{ id: string }>`select id from ${sql.table(table)} where ${where} limit 1`.execute(api.db);
  const [row] = rows;
  if (row === undefined) throw new Error(`the world has no ${table}`);
  return row.id;
}

async function makeDomain(api: TenantApi, name: string, parentdomainid?: string): Promise<string> {
  return String(inside(await api.admin.call('createDomain', { name, parentdomainid })).id);
}

async function addColleague(api: TenantApi, { accountId, domainId }: { accountId: string; domainId: string }) {
  const keys = { apiKey: generateKey(), secretKey: generateKey() };
  await api.db
    .insertInto('cloud_user')
    .values({
      username: 'colleague',
      password_hash: await hashPassword('not used'),
      firstname: 'colleague',
      lastname: 'test',
      email: 'colleague@example.org',
      timezone: null,
      account_id: accountId,
      domain_id: domainId,
      api_key: keys.apiKey,
      secret_key: keys.secretKey,
    })
    .execute();
  return createApiClient({ endpoint: api.endpoint, ...keys });
}

async function addInfrastructure(api: TenantApi): Promise<void> {
  const { admin, zoneId: zoneid } = api;
  await admin.run('createPhysicalNetwork', { zoneid, name: 'physical2' });
  const pod = inside(
    await admin.call('createPod', {
      zoneid,
      name: 'pod1',
      gateway: '192.0.2.1',
      netmask: '255.255.255.0',
      startip: '192.0.2.10',
      endip: '192.0.2.20',
    }),
  );
  const podid = String(pod.id);
  const cluster = { zoneid, podid, clustername: 'cluster1', clustertype: 'CloudManaged', hypervisor: 'KVM' };
  await admin.call('addCluster', cluster);
  const url = 'unix:/run/isthmus/none/host-agent.sock';
  await admin.call('addHost', { zoneid, podid, clustername: 'cluster1', hypervisor: 'KVM', url });
  await admin.run('createGuestNetworkIpv6Prefix', { zoneid, prefix: '2001:db8:1::/48' });
  const subnet = inside(await admin.run('createIpv4SubnetForZone', { zoneid, subnet: '198.18.0.0/16' }));
  await admin.run('createIpv4SubnetForGuestNetwork', { parentid: String(subnet.id), cidrsize: 24 });
  await admin.run('generateAlert', { type: 14, name: 'Test', description: 'of the tests' });
  await sql`insert into system_vm (name, type, zone_id, pod_id, service_offering_id, public_mac_address, state)
    values ('v-9000-VM', 'consoleproxy', ${zoneid}, ${podid}, ${api.serviceOfferingId}, '02:00:00:00:03:01', 'Stopped')`.execute(
    api.db,
  );
}

async function addRouter(api: TenantApi, networkId: string, owner: { accountId: string; domainId: string }) {
  const { db } = api;
  const count = await db.selectFrom('router').select('id').execute();
  const offering = await onlyId(api, 'service_offering', sql`is_system`);
  const mac = (nic: number) => `02:00:00:00:0${nic}:${String(count.length + 10)}`;
  await sql`insert into router (name, network_id, zone_id, pod_id, account_id, domain_id, service_offering_id,
      guest_mac_address, public_mac_address, state)
    values (${`r-${9000 + count.length}-VM`}, ${networkId}, ${api.zoneId}, ${await onlyId(api, 'pod')},
      ${owner.accountId}, ${owner.domainId}, ${offering}, ${mac(1)}, ${mac(2)}, 'Running')`.execute(db);
}

/** A rule of each kind that only dual-stack and routed networks have. */
async function addNetworkRules(api: TenantApi, networkId: string, owner: { accountId: string; domainId: string }) {
  const added: Partial<Record<EntityName, string>> = {};
  for (const table of ['ipv6_firewall_rule', 'routing_firewall_rule'] as const) {
    const { rows } = await sql<{ id: string }>`
      insert into ${sql.table(table)} (traffic_type, network_id, protocol, state, account_id, domain_id)
      values ('Ingress', ${networkId}, 'tcp', 'Active', ${owner.accountId}, ${owner.domainId}) returning id`.execute(
      api.db,
    );
    added[table] = String(rows[0]?.id);
  }
  return added;
}

/** A load balancer with a policy of each kind, and a certificate. */
async function balance(client: ApiClient, publicipid: string): Promise<Partial<Record<EntityName, string>>> {
  const port = { publicport: 8443, privateport: 443, openfirewall: false };
  const wish = { publicipid, name: 'balanced', algorithm: 'roundrobin', ...port };
  const lbruleid = String(inside(await client.run('createLoadBalancerRule', wish)).id);
  const idWithin = (policies: unknown) => String((policies as { id: string }[])[0]?.id);
  const stickiness = { lbruleid, name: 'stick', methodname: 'SourceBased' };
  const { certificate, privateKey: privatekey } = await makeCertificate({ name: 'www.example.org' });
  const upload = { name: 'certificate', certificate, privatekey };
  return {
    load_balancer_rule: lbruleid,
    load_balancer_stickiness_policy: idWithin(
      inside(await client.run('createLBStickinessPolicy', stickiness)).stickinesspolicy,
    ),
    load_balancer_health_check_policy: idWithin(
      inside(await client.run('createLBHealthCheckPolicy', { lbruleid })).healthcheckpolicy,
    ),
    ssl_certificate: String(inside(await client.call('uploadSslCert', upload)).id),
  };
}

/** A console of an instance, open. */
async function lookAt(
  api: TenantApi,
  of: { machineId: string; accountId: string; domainId: string },
): Promise<Partial<Record<EntityName, string>>> {
  const session = await api.db
    .insertInto('console_session')
    .values({
      zone_id: api.zoneId,
      target_kind: 'instance',
      target_id: of.machineId,
      console: 'vnc',
      account_id: of.accountId,
      domain_id: of.domainId,
      user_id: await onlyId(api, 'cloud_user', sql`account_id = ${of.accountId}`),
      origin: 'http://127.0.0.1',
      state: 'Open',
      mode: 'control',
      acquired: new Date(),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return { console_session: session.id };
}

/** A further address of an instance's NIC, a tag of the instance, and what its network has sent. */
async function addAnnexes(
  api: TenantApi,
  client: ApiClient,
  of: { machineId: string; nicId: string; networkId: string; accountId: string; domainId: string },
): Promise<Partial<Record<EntityName, string>>> {
  const address = inside(await client.run('addIpToNic', { nicid: of.nicId }));
  const tag = { resourcetype: 'UserVm', resourceids: of.machineId, tags: [{ key: 'belongs', value: 'yes' }] };
  await client.run('createTags', tag);
  const { id: usageRecordId } = await api.db
    .insertInto('usage_record')
    .values({
      usage_type: 4,
      network_id: of.networkId,
      network_name: 'belongs',
      public_ip_address_id: null,
      zone_id: api.zoneId,
      account_id: of.accountId,
      domain_id: of.domainId,
      bytes: '1',
      start_date: new Date('2026-11-21T00:00:00Z'),
      end_date: new Date('2026-11-21T01:00:00Z'),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return {
    nic_secondary_address: String(address.id),
    resource_tag: await onlyId(api, 'resource_tag', sql`account_id = ${of.accountId}`),
    usage_record: usageRecordId,
  };
}

/** A network with an instance, addresses and rules of each kind, and with a router's row. */
async function settle(api: TenantApi, client: ApiClient, name: string): Promise<Belongings> {
  const { zoneId: zoneid, networkOfferingId: networkofferingid } = api;
  const network = inside(await client.call('createNetwork', { name: `${name}-net`, zoneid, networkofferingid }));
  const networkid = String(network.id);
  const deployed = await client.run('deployVirtualMachine', {
    zoneid,
    networkids: networkid,
    name: `${name.toLowerCase()}-vm`,
    serviceofferingid: api.serviceOfferingId,
    templateid: api.templateId,
  });
  const virtualmachineid = String(inside(deployed).id);
  await client.run('associateIpAddress', { networkid });
  const ipaddressid = String(inside(await client.run('associateIpAddress', { networkid })).id);
  const ports = { publicport: 80, privateport: 8080, protocol: 'tcp', openfirewall: false };
  const forward = await client.run('createPortForwardingRule', { ipaddressid, virtualmachineid, ...ports });
  const ingress = await client.run('createFirewallRule', { ipaddressid, protocol: 'tcp', startport: 80, endport: 80 });
  const egress = await client.run('createEgressFirewallRule', { networkid, protocol: 'udp', startport: 53 });
  const balancing = await balance(client, ipaddressid);
  const sshKeyPair = inside(await client.call('createSSHKeyPair', { name: 'belongs' }));
  const userData = inside(await client.call('registerUserData', { name: 'belongs', userdata: 'c2FtcGxl' }));
  const row = await api.db.selectFrom('network').selectAll().where('id', '=', networkid).executeTakeFirstOrThrow();
  const owner = { accountId: row.account_id, domainId: row.domain_id };
  await addRouter(api, networkid, owner);
  const nicId = await onlyId(api, 'nic', sql`virtual_machine_id = ${virtualmachineid}`);
  const annexes = await addAnnexes(api, client, { machineId: virtualmachineid, nicId, networkId: networkid, ...owner });
  const looking = await lookAt(api, { machineId: virtualmachineid, ...owner });
  const ofAccount = (table: EntityName) => onlyId(api, table, sql`account_id = ${owner.accountId}`);
  return {
    domain: owner.domainId,
    account: owner.accountId,
    cloud_user: await ofAccount('cloud_user'),
    public_ip_address: ipaddressid,
    network: networkid,
    virtual_machine: virtualmachineid,
    nic: nicId,
    ...annexes,
    ...looking,
    router: await ofAccount('router'),
    firewall_rule: String(inside(ingress).id),
    egressRuleId: String(inside(egress).id),
    port_forwarding_rule: String(inside(forward).id),
    ...balancing,
    ssh_key_pair: String(sshKeyPair.id),
    user_data: String(userData.id),
    ...(await addNetworkRules(api, networkid, owner)),
    async_job: await ofAccount('async_job'),
    event: await ofAccount('event'),
  };
}

const commonTables = [
  'zone',
  'physical_network',
  'traffic_type',
  'network_service_provider',
  'virtual_router_element',
  'pod',
  'cluster',
  'host',
  'vlan_ip_range',
  'os_type',
  'alert',
  'guest_network_ipv6_prefix',
  'zone_ipv4_subnet',
  'guest_ipv4_subnet',
  'system_vm',
] as const satisfies readonly EntityName[];

/** Starts the API and fills it. */
export async function startWorld(): Promise<World> {
  const api = await startTenantApi(64);
  await addInfrastructure(api);
  const north = await makeDomain(api, 'north');
  const domains = {
    ROOT: await onlyId(api, 'domain', sql`parent_id is null`),
    north,
    city: await makeDomain(api, 'city', north),
    town: await makeDomain(api, 'town', north),
    south: await makeDomain(api, 'south'),
  };
  const accounts = {
    delegate: await api.account('delegate', { type: 2 }),
    northAdmin: await api.account('northAdmin', { type: 2, domainId: domains.north }),
    cityAdmin: await api.account('cityAdmin', { type: 2, domainId: domains.city }),
    townAdmin: await api.account('townAdmin', { type: 2, domainId: domains.town }),
    owner: await api.account('owner', { domainId: domains.city }),
    neighbour: await api.account('neighbour', { domainId: domains.city }),
    stranger: await api.account('stranger', { domainId: domains.south }),
  };
  const colleague = await addColleague(api, { accountId: accounts.owner.accountId, domainId: domains.city });
  const common: Partial<Record<EntityName, string>> = {};
  for (const table of commonTables) common[table] = await onlyId(api, table);
  return {
    ...api,
    domains,
    accounts,
    callers: {
      root: api.admin,
      colleague,
      delegate: accounts.delegate.client,
      northAdmin: accounts.northAdmin.client,
      cityAdmin: accounts.cityAdmin.client,
      townAdmin: accounts.townAdmin.client,
      owner: accounts.owner.client,
      neighbour: accounts.neighbour.client,
      stranger: accounts.stranger.client,
    },
    belongings: {
      owner: await settle(api, accounts.owner.client, 'owner'),
      neighbour: await settle(api, accounts.neighbour.client, 'neighbour'),
      stranger: await settle(api, accounts.stranger.client, 'stranger'),
      root: await settle(api, api.admin, 'root'),
    },
    common: {
      ...common,
      service_offering: api.serviceOfferingId,
      network_offering: api.networkOfferingId,
      template: api.templateId,
    },
  };
}
