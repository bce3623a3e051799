// Checks of what listens: the metadata server by an HTTP request, load balancers by a connection to each.
import { fileURLToPath } from 'node:url';
import type { OperationAnswer, RouterDocument } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { CheckFinding, HealthCheck } from '@isthmus/router';
import { type ConnectTarget, connectFaults } from './connect.ts';

const script = fileURLToPath(new URL('./connect-main.ts', import.meta.url));
const timeoutMs = 5000;
/** Listeners that are asked in one round, and names in a finding. */
const [mostTargets, mostNamed] = [500, 8];

/** What these checks look at. */
export interface Listeners {
  readonly host: Host;
  /** This process is in the router's network namespace itself. */
  readonly isInside: boolean;
  /** Null before the first. */
  document(): RouterDocument | null;
  /** Null where no service of the router balances load. */
  statistics(): Promise<OperationAnswer<'load-balancer-statistics'> | null>;
}

async function ask({ host, isInside }: Listeners, targets: readonly ConnectTarget[]): Promise<(string | null)[]> {
  const question = { targets, timeoutMs };
  if (isInside) return connectFaults(question);
  const words = [script, JSON.stringify(question)];
  const { stdout } = await host.commands.run(process.execPath, words, { timeoutMs: 20_000 });
  return JSON.parse(stdout) as (string | null)[];
}

async function faultsOf(listeners: Listeners, targets: readonly ConnectTarget[]): Promise<string[]> {
  const asked = targets.slice(0, mostTargets);
  const faults = await ask(listeners, asked);
  return asked.flatMap(({ address, port }, index) => {
    const fault = faults[index] ?? null;
    return fault === null ? [] : [`${address} port ${port}: ${fault}`];
  });
}

function some(faults: readonly string[]): string {
  const rest = faults.length - mostNamed;
  return `${faults.slice(0, mostNamed).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}

async function checkMetadata(listeners: Listeners): Promise<CheckFinding> {
  const { enabled = false, addresses = [] } = listeners.document()?.settings.metadata ?? {};
  if (!enabled) return { status: 'SUCCESS', detail: 'this network has no metadata' };
  const targets = addresses.map((address) => ({ address, port: 80, path: '/latest/meta-data/' }));
  const faults = await faultsOf(listeners, targets);
  if (faults.length > 0) return { status: 'FAILURE', detail: some(faults) };
  return { status: 'SUCCESS', detail: `answers HTTP at ${addresses.join(', ')}` };
}

async function membersFinding(listeners: Listeners, rules: number): Promise<CheckFinding> {
  const listening = `all ${rules} load balancers take connections`;
  const statistics = await listeners.statistics();
  const down = (statistics?.members ?? []).filter(({ state }) => state === 'down');
  // Members are guests: that one is down is its owner's to mend.
  if (down.length === 0) return { status: 'SUCCESS', detail: listening };
  const names = down.map(({ member, lastCheck }) => `${member}${lastCheck === '' ? '' : ` (${lastCheck})`}`);
  return { status: 'WARNING', detail: `${listening}; members that are down: ${some(names)}` };
}

async function checkLoadBalancers(listeners: Listeners): Promise<CheckFinding> {
  const document = listeners.document();
  if (document?.settings.loadBalancing.enabled !== true) {
    return { status: 'SUCCESS', detail: 'this network has no load balancing' };
  }
  const rules = [...document.entries['loadBalancing.rules'].values()].filter(({ protocol }) => protocol !== 'udp');
  if (rules.length === 0) return { status: 'SUCCESS', detail: 'there are no load balancers' };
  const targets = rules.map(({ publicAddress, publicPort }) => ({ address: publicAddress, port: publicPort }));
  const faults = await faultsOf(listeners, targets);
  if (faults.length > 0) return { status: 'FAILURE', detail: some(faults) };
  return membersFinding(listeners, rules.length);
}

/** The checks, by CloudStack's name where it has one. */
export function listenerChecks(listeners: Listeners): HealthCheck[] {
  return [
    { name: 'metadata.test', kind: 'advanced', run: () => checkMetadata(listeners) },
    { name: 'haproxy_check.py', kind: 'advanced', run: () => checkLoadBalancers(listeners) },
  ];
}
