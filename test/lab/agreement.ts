// Whether API, database and router agree on what is open: each says it in the same words.
import type { ApiObject } from '@isthmus/api-client';
import { sameIdentity } from '@isthmus/contract';
import { parseIpSetSave, parseSave, type Route, tracePacket } from '@isthmus/iptables-ts';
import { cidrContains, parseInterfaceName, parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import { answererOf } from './clients.ts';
import { objectsIn, type PublicIp, type Tenant } from './tenant.ts';

/** A TCP connection that somebody on the internet may try. */
export interface Attempt {
  readonly source: string;
  readonly port: number;
}

const words = ({ source, port }: Attempt, target: string) => `${source} to ${port} reaches ${target}`;

function admits(rule: ApiObject, { source, port }: Attempt): boolean {
  const ports = rule.protocol === 'all' || (rule.protocol === 'tcp' && inPorts(rule.startport, rule.endport, port));
  const cidrs = String(rule.cidrlist).split(',').map(parseIpv4Cidr);
  return ports && cidrs.some((cidr) => cidrContains(cidr, parseIpv4Address(source)));
}

function inPorts(first: unknown, last: unknown, port: number): boolean {
  return Number(first ?? 1) <= port && port <= Number(last ?? first ?? 65_535);
}

/** What the API's lists say that the attempts come to: those that reach a guest, in words. */
export async function saidByApi(tenant: Tenant, ip: PublicIp, attempts: readonly Attempt[]): Promise<string[]> {
  const forwards = await tenant.client.list('listPortForwardingRules', { ipaddressid: ip.id });
  const rules = await tenant.client.list('listFirewallRules', { ipaddressid: ip.id });
  const machines = await tenant.client.list('listVirtualMachines');
  return attempts.flatMap((attempt) => {
    const forward = forwards.find(({ protocol, publicport, publicendport }) => {
      return protocol === 'tcp' && inPorts(publicport, publicendport, attempt.port);
    });
    if (forward === undefined || !rules.some((rule) => admits(rule, attempt))) return [];
    const machine = machines.find(({ id }) => id === forward.virtualmachineid);
    const [nic] = Array.isArray(machine?.nic) ? machine.nic : [];
    const port = Number(forward.privateport) + attempt.port - Number(forward.publicport);
    return [words(attempt, `${nic?.ipaddress}:${port}`)];
  });
}

/** What comes of the attempts where nobody looks inside of the router: those that a guest's HTTP server (port 80) answers. */
async function triedByPackets(tenant: Tenant, ip: PublicIp, attempts: readonly Attempt[]): Promise<string[]> {
  const machines = await tenant.client.list('listVirtualMachines');
  const tried = attempts.map(async (attempt) => {
    const url = `http://${ip.address}:${attempt.port}/`;
    const name = await answererOf(tenant.cloud.lab.internet, url, { from: attempt.source, timeoutMs: 3000 });
    if (name === null) return [];
    const [nic] = objectsIn(machines.find((machine) => machine.name === name) ?? {}, 'nic');
    return [words(attempt, `${nic?.ipaddress}:80`)];
  });
  return (await Promise.all(tried)).flat();
}

/** What the router's rules come to, as `iptables-save` and `ipset save` show them; of a VM, by packets. */
export async function doneByRouter(tenant: Tenant, ip: PublicIp, attempts: readonly Attempt[]): Promise<string[]> {
  if (tenant.cloud.lab.hasHypervisors) return triedByPackets(tenant, ip, attempts);
  const { commands } = await tenant.routerHost();
  const ruleSet = parseSave((await commands.run('iptables-save', [])).stdout);
  const sets = parseIpSetSave((await commands.run('ipset', ['save'])).stdout);
  const route: Route = (destination) => {
    if (destination === ip.address) return 'local';
    return { outInterface: parseInterfaceName(destination.startsWith('10.') ? 'eth0' : 'eth2') };
  };
  return attempts.flatMap((attempt) => {
    const packet = {
      inInterface: parseInterfaceName('eth2'),
      source: parseIpv4Address(attempt.source),
      destination: parseIpv4Address(ip.address),
      protocol: 'tcp' as const,
      sourcePort: 40_000,
      destinationPort: attempt.port,
    };
    const { verdict, packet: after } = tracePacket({ ruleSet, sets, packet, route });
    if (verdict !== 'ACCEPT' || after.destination === packet.destination) return [];
    return [words(attempt, `${after.destination}:${after.destinationPort}`)];
  });
}

/** What in the database, and between it and the router, is not settled, in words; empty where everything is. */
export async function unsettled(tenant: Tenant): Promise<string[]> {
  const { db } = tenant.cloud;
  const ofNetwork = { column: 'network_id', id: tenant.networkId } as const;
  const rules = (table: 'firewall_rule' | 'port_forwarding_rule') =>
    db
      .selectFrom(table)
      .select(['id', 'state'])
      .where(ofNetwork.column, '=', ofNetwork.id)
      .where('state', '<>', 'Active')
      .execute();
  const changes = await db.selectFrom('network_change').selectAll().where('network_id', '=', ofNetwork.id).execute();
  const jobs = await db.selectFrom('async_job').select(['id', 'command']).where('status', '=', 0).execute();
  const document = await db
    .selectFrom('router_document')
    .innerJoin('router', 'router.id', 'router_document.router_id')
    .selectAll('router_document')
    .where('router.network_id', '=', ofNetwork.id)
    .executeTakeFirstOrThrow();
  const { epoch, generation, hash } = document;
  const { serving } = await (await tenant.cloud.routerAgent(document.router_id)).status();
  const words = [...(await rules('firewall_rule')), ...(await rules('port_forwarding_rule'))].map(
    ({ id, state }) => `rule ${id} is in state ${state}`,
  );
  return [
    ...words,
    ...changes.map(({ collection, entry_id: id }) => `${collection} ${id} is not compiled`),
    ...jobs.map(({ id, command }) => `job ${id} (${command}) is pending`),
    ...(document.acknowledged_generation === generation ? [] : ['the last generation is not acknowledged']),
    ...(sameIdentity(serving, { epoch, generation, hash }) ? [] : ['the router serves another generation']),
  ];
}
