// A router in a lab, its agent in this process, and what it told the kernel.
import { type Agent, createAgent } from '@isthmus/agent';
import type { RouterEntry } from '@isthmus/contract';
import { type RecordedCommand, recordingRunner } from '@isthmus/host';
import { parseIpv4Cidr } from '@isthmus/net';
import { createRouterServices } from '@isthmus/router';
import { createLab, internet, type Lab } from '../lab/index.ts';
import { DocumentWriter, dhcpHost, portForward, publicAddress, type Upserts } from '../lab/router-document.ts';
import { type Wires, wire } from '../lab/wired-router.ts';
import { closing } from './interrupt.ts';

/** The first public port; further ones follow. */
export const firstPort = 1000;

/** An entry's id, a UUID as that of any row. */
export function entryId(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** The `number`-th entry of each kind, from 0. The forwards lead to one guest, the rules open their ports to a network. */
export const entries = {
  'nat.portForwards': (number: number) => portForward(firstPort + number, 80),
  'firewall.ingress': (number: number): RouterEntry<'firewall.ingress'> => ({
    publicAddress,
    protocol: 'tcp',
    ports: { first: firstPort + number, last: firstPort + number },
    sources: [parseIpv4Cidr(internet.publicNetwork)],
  }),
  'dhcp.hosts': dhcpHost,
} as const;

/** The first `n` entries of one kind, by id. */
export function first<Entry>(n: number, entryOf: (number: number) => Entry): Record<string, Entry> {
  return Object.fromEntries(Array.from({ length: n }, (_, number) => [entryId(number), entryOf(number)]));
}

export interface RouterUnderTest {
  readonly lab: Lab;
  readonly wires: Wires;
  readonly agent: Agent;
  readonly writer: DocumentWriter;
  /** What the services ran in the router's namespace since it was emptied last. */
  readonly commands: RecordedCommand[];
  close(): Promise<void>;
}

/** A router that serves nothing yet. `close` removes it. */
export async function startRouter(): Promise<RouterUnderTest> {
  const lab = await createLab({ hostAgent: false, logLevel: 'silent' });
  const removeLab = closing(() => lab.teardown());
  try {
    const wires = await wire(lab);
    const recorder = recordingRunner(wires.router.commands);
    const host = { ...wires.router, commands: recorder };
    const services = createRouterServices({ host, paths: wires.paths, namePrefix: lab.installation });
    const agent = await createAgent({ host, paths: wires.paths, services });
    await agent.boot();
    const close = async () => {
      await agent.shutdown().catch(() => undefined);
      await removeLab();
    };
    return { lab, wires, agent, writer: new DocumentWriter(), commands: recorder.commands, close };
  } catch (error) {
    await removeLab();
    throw error;
  }
}

/** A router that serves `n` port forwards and firewall rules, `more`, and `n` DHCP hosts unless `more` has others. */
export async function startLoadedRouter(n: number, more: Upserts = {}): Promise<RouterUnderTest> {
  const router = await startRouter();
  try {
    const document: Upserts = {
      'dhcp.hosts': first(n, entries['dhcp.hosts']),
      ...more,
      'nat.portForwards': { ...first(n, entries['nat.portForwards']), ...more['nat.portForwards'] },
      'firewall.ingress': { ...first(n, entries['firewall.ingress']), ...more['firewall.ingress'] },
    };
    await router.agent.push(router.writer.full(document));
    return router;
  } catch (error) {
    await router.close();
    throw error;
  }
}

/** The rules that were loaded since `commands` was emptied, as `iptables-restore` was given them. */
export function loadedRules({ commands }: RouterUnderTest): string {
  const loads = commands.filter(({ file, args }) => file === 'iptables-restore' && !args.includes('--test'));
  return loads.map(({ input = '' }) => input).join('');
}
