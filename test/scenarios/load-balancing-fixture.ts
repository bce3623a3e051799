// A router with load balancers and nothing else, its agent in this process: members on the guest network, clients outside.
import { fileURLToPath } from 'node:url';
import { type Agent, createAgent } from '@isthmus/agent';
import type { OperationAnswer, RouterEntry, RouterSettings } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { type Ipv4Address, parseIpv4Address } from '@isthmus/net';
import { createRouterServices } from '@isthmus/router';
import { createLab, type Lab, waitFor } from '../lab/index.ts';
import { DocumentWriter, openIngress, publicAddress, settings, type Upserts } from '../lab/router-document.ts';
import { type Wires, wire } from '../lab/wired-router.ts';

const memberProgram = fileURLToPath(new URL('../lab/programs/member-server.ts', import.meta.url));

/** Addresses of guests that serve. */
export const members: readonly Ipv4Address[] = ['10.1.1.11', '10.1.1.12', '10.1.1.13'].map(parseIpv4Address);

const balancing: RouterSettings['loadBalancing'] = {
  ...settings.loadBalancing,
  enabled: true,
  maxConnections: 2000,
  ...(settings.nat.publicInterface === undefined ? {} : { publicInterface: settings.nat.publicInterface }),
};

type Rule = RouterEntry<'loadBalancing.rules'>;

/** A rule of HTTP at a public port, with what is changed. */
export function rule(publicPort: number, changed: Partial<Rule> = {}): Rule {
  return {
    publicAddress,
    publicPort,
    privatePort: 80,
    protocol: 'tcp',
    isHttp: true,
    algorithm: 'roundrobin',
    sources: [],
    certificates: [],
    healthCheck: { intervalMs: 500, timeoutMs: 500, healthyThreshold: 1, unhealthyThreshold: 1 },
    clientTimeoutMs: 50_000,
    serverTimeoutMs: 50_000,
    connectTimeoutMs: 5_000,
    ...changed,
  };
}

/** Each of `addresses` as a member of a rule: ids are RULE-NUMBER. */
export function membersOf(id: string, addresses = members): Record<string, RouterEntry<'loadBalancing.members'>> {
  return Object.fromEntries(addresses.map((address, index) => [`${id}-${index}`, { rule: id, address }]));
}

export interface Balanced {
  readonly lab: Lab;
  readonly wires: Wires;
  readonly client: Host;
  readonly writer: DocumentWriter;
  agent(): Agent;
  push(push: ReturnType<DocumentWriter['add']>): Promise<void>;
  /** Adds to the document. */
  add(upserts: Upserts): Promise<void>;
  /** As after its end without a word: a new agent takes over what runs. */
  restartAgent(): Promise<void>;
  statistics(): Promise<OperationAnswer<'load-balancer-statistics'>>;
  /** Process id of HAProxy's master; null where it does not run. */
  master(): Promise<number | null>;
  /** Ids of its workers, those that finish among them, the one that serves last. */
  workers(): Promise<number[]>;
  /** A reload of HAProxy behind the agent's back, until the new worker is there. */
  reload(): Promise<void>;
  /** curl's output of a path of the public address. Throws where it fails. */
  curl(port: number, path?: string, ...args: string[]): Promise<string>;
  /** Who answered. */
  ask(port: number, ...args: string[]): Promise<string>;
}

async function startMembers(lab: Lab, { guest }: Wires): Promise<void> {
  const addresses = members.map((address) => `address add ${address}/16 dev eth0`);
  const lines = [...addresses, `route add default via ${settings.dhcp.router}`];
  await guest.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  const { logPath } = await lab.startDaemon(guest, process.execPath, [memberProgram, ...members]);
  await waitFor('members serve', async () => (await lab.machine.files.readTextIfExists(logPath))?.includes('ready'));
}

async function build(lab: Lab): Promise<Balanced> {
  const wires = await wire(lab);
  const { router: host, paths } = wires;
  const start = async () => {
    const services = createRouterServices({ host, paths, namePrefix: lab.installation });
    const started = await createAgent({ host, paths, services });
    await started.boot();
    return started;
  };
  let agent = await start();
  const writer = new DocumentWriter();
  const push: Balanced['push'] = async (each) => {
    await agent.push(each);
  };
  const udp = { ...openIngress, protocol: 'udp' } as const;
  await push(writer.full({ 'firewall.ingress': { tcp: openIngress, udp } }));
  await push(writer.add({}, { loadBalancing: balancing }));
  await startMembers(lab, wires);
  const curl: Balanced['curl'] = async (port, path = '/', ...args) => {
    const scheme = args.includes('--insecure') ? 'https' : 'http';
    const words = ['--silent', '--show-error', '--max-time', '10', '--noproxy', '*', ...args];
    return (await lab.internet.commands.run('curl', [...words, `${scheme}://${publicAddress}:${port}${path}`])).stdout;
  };
  return {
    lab,
    wires,
    client: lab.internet,
    writer,
    agent: () => agent,
    push,
    add: (upserts) => push(writer.add(upserts)),
    restartAgent: async () => {
      await agent.release();
      agent = await start();
    },
    statistics: () => agent.operate('load-balancer-statistics', {}),
    master: async () => {
      const pid = Number(await lab.machine.files.readTextIfExists(`${paths.run}/haproxy/pid`));
      return pid > 1 && (await lab.machine.commands.isRunning(pid, 'haproxy')) ? pid : null;
    },
    workers: async () => {
      const pid = Number(await lab.machine.files.readTextIfExists(`${paths.run}/haproxy/pid`));
      const children = await lab.machine.files.readTextIfExists(`/proc/${pid}/task/${pid}/children`);
      return (children ?? '').split(' ').filter(Boolean).map(Number);
    },
    reload: async () => {
      const pid = Number(await lab.machine.files.readTextIfExists(`${paths.run}/haproxy/pid`));
      const children = async () => await lab.machine.files.readText(`/proc/${pid}/task/${pid}/children`);
      const before = await children();
      lab.machine.commands.signal(pid, 'SIGUSR2');
      while ((await children()) === before) await lab.machine.clock.sleep(1);
    },
    curl,
    ask: async (port, ...args) => JSON.parse(await curl(port, '/', ...args)).member,
  };
}

/** A router that balances. `close` removes it. */
export async function startBalanced(): Promise<{ readonly balanced: Balanced; readonly close: () => Promise<void> }> {
  const lab = await createLab({ hostAgent: false, logLevel: 'silent' });
  try {
    const balanced = await build(lab);
    const close = async () => {
      await balanced
        .agent()
        .shutdown()
        .catch(() => undefined);
      await lab.teardown();
    };
    return { balanced, close };
  } catch (error) {
    await lab.teardown();
    throw error;
  }
}

/** A router that balances, for one test; it goes with the test. */
export async function balancedFor(t: { teardown(end: () => Promise<void>): void }): Promise<Balanced> {
  const { balanced, close } = await startBalanced();
  t.teardown(close);
  return balanced;
}

/** A self-signed certificate of a name, and its key, by openssl(1). */
export async function certificateOf(
  { lab }: Balanced,
  name: string,
): Promise<RouterEntry<'loadBalancing.certificates'>> {
  const [key, certificate] = [`${lab.run}/${name}.key`, `${lab.run}/${name}.crt`];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const out = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`, '-keyout', key, '-out', certificate];
  await lab.machine.commands.run('openssl', [...kind, ...out]);
  const { files } = lab.machine;
  return { certificate: await files.readText(certificate), privateKey: await files.readText(key) };
}
