// A router of DHCP and DNS alone, its agent in this process, for tests and benchmarks that ask it thousands of questions
// from one guest, which its packet filter would take for forged.
import { type Agent, createAgent } from '@isthmus/agent';
import { createRouterServices } from '@isthmus/router';
import type { Lab } from './index.ts';
import { DocumentWriter, dhcpHost, type Upserts } from './router-document.ts';
import { type Wires, wire } from './wired-router.ts';

/** Services that DHCP and DNS need. */
const needed = new Set(['system', 'routing', 'dnsmasq']);

export interface DhcpRouter {
  readonly wires: Wires;
  readonly agent: Agent;
  readonly writer: DocumentWriter;
}

/** The hosts of these numbers, and their names, by id. */
export function hostsOf(numbers: readonly number[]): Upserts {
  const hosts = numbers.map((number) => [`h${number}`, dhcpHost(number)] as const);
  return {
    'dhcp.hosts': Object.fromEntries(hosts),
    'dns.records': Object.fromEntries(hosts.map(([id, { hostname, address }]) => [id, { hostname, address }])),
  };
}

/** A lease file in which each of the first `n` hosts has a lease for a day more. */
export function leasesOf(n: number): string {
  const expiry = Math.floor(Date.now() / 1000) + 86_400;
  const lines = Array.from({ length: n }, (_, number) => {
    const { macAddress, address, hostname } = dhcpHost(number);
    return `${expiry} ${macAddress} ${address} ${hostname} *\n`;
  });
  return lines.join('');
}

/** Writes the names of the first `n` hosts as dnsperf asks for them, and answers with the file's path. */
export async function queriesOf(lab: Lab, n: number): Promise<string> {
  const path = `${lab.run}/queries`;
  const lines = Array.from({ length: n }, (_, number) => `${dhcpHost(number).hostname}.cs1.internal A\n`);
  await lab.machine.files.writeText(path, lines.join(''));
  return path;
}

/** A router with the first `n` hosts; `leases`: what it takes over. End its agent before the lab. */
export async function startDhcpRouter(lab: Lab, n: number, leases = ''): Promise<DhcpRouter> {
  const wires = await wire(lab);
  const services = createRouterServices({
    host: wires.router,
    paths: wires.paths,
    namePrefix: lab.installation,
  }).filter(({ name }) => needed.has(name));
  const agent = await createAgent({ host: wires.router, paths: wires.paths, services });
  await agent.boot();
  for (const { portable } of services) if (leases !== '') await portable?.importState(leases);
  const writer = new DocumentWriter();
  await agent.push(writer.full(hostsOf(Array.from({ length: n }, (_, number) => number))));
  return { wires, agent, writer };
}
