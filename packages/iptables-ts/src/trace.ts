// The way of one packet through the hooks (README.md has the picture). How a rule matches: trace-match.ts.
import type { InterfaceName, Ipv4Address } from '@isthmus/net';
import type { Chain, IpSet, Rule, RuleSet, TableName, Target } from './model.ts';
import { matches, setIndex } from './trace-match.ts';
import type { Conntrack, Packet, TracedPacket } from './trace-packet.ts';

export type { Conntrack, Packet, TracedPacket } from './trace-packet.ts';

/** Where a destination lies: `local` is the router itself. */
export type Route = (destination: Ipv4Address) => 'local' | 'unreachable' | { readonly outInterface: InterfaceName };

/** What a trace is made of. */
export interface TraceInput {
  readonly ruleSet: RuleSet;
  readonly sets?: readonly IpSet[];
  readonly packet: Packet;
  readonly route: Route;
  /** Packets that each rule with `everyNth` has seen; counted on. Without it this packet is the first. */
  readonly seen?: Map<Rule, number>;
  /** Address that MASQUERADE writes, by out interface. Without it the source stays as it is. */
  readonly masqueradeAddress?: (outInterface: InterfaceName) => Ipv4Address;
}

/** One rule that was looked at, in order. */
export interface TraceStep {
  readonly table: TableName;
  readonly chain: string;
  readonly index: number;
  readonly matched: boolean;
}

/** What decided: a rule, a policy (a table that the rule set leaves out counts as ACCEPT), or that there is no route. */
export type Decision =
  | { readonly table: TableName; readonly chain: string; readonly index: number; readonly rule: Rule }
  | { readonly table: TableName; readonly chain: string; readonly policy: 'ACCEPT' | 'DROP' }
  | { readonly noRoute: true };

/** What becomes of a packet. */
export interface TraceResult {
  readonly verdict: 'ACCEPT' | 'DROP' | 'REJECT';
  /** The rule or policy that dropped or rejected it; of an accepted packet, what the filter table said. */
  readonly decidedBy: Decision;
  /** The packet as it leaves (or reaches the router itself), after NAT. */
  readonly packet: TracedPacket;
  readonly steps: readonly TraceStep[];
}

/** What a hook's table says. `target` is the deciding rule's. */
interface HookVerdict {
  readonly target: Target | { readonly kind: 'ACCEPT' | 'DROP' };
  readonly decision: Decision;
}

interface Found {
  readonly chain: string;
  readonly index: number;
  readonly rule: Rule;
}

const noChains: ReadonlyMap<string, Chain> = new Map();

class Trace {
  packet: TracedPacket;
  readonly steps: TraceStep[] = [];
  readonly #input: TraceInput;
  readonly #sets: ReturnType<typeof setIndex>;

  constructor(input: TraceInput) {
    this.#input = input;
    this.packet = withDefaults(input.packet);
    this.#sets = setIndex(input.sets ?? []);
  }

  /** Walks one table at one hook. */
  hook(table: TableName, chain: string): HookVerdict {
    const chains = this.#input.ruleSet[table] ?? noChains;
    // The raw table comes before conntrack: there every packet looks INVALID.
    const seen: TracedPacket = table === 'raw' ? { ...this.packet, conntrack: { state: 'INVALID' } } : this.packet;
    const found = this.#walk(seen, table, chains, chain);
    if (found !== null) return { target: found.rule.target, decision: { table, ...found } };
    const policy = chains.get(chain)?.policy ?? 'ACCEPT';
    return { target: { kind: policy }, decision: { table, chain, policy } };
  }

  /** The rule that ends the walk of a chain and those below it, or null where its end is reached. */
  #walk(packet: TracedPacket, table: TableName, chains: ReadonlyMap<string, Chain>, name: string): Found | null {
    const chain = chains.get(name);
    if (chain === undefined) throw new RangeError(`the table ${table} has no chain ${name}`);
    for (const [index, rule] of chain.rules.entries()) {
      const matched = matches(rule.match, packet, this.#sets) && this.#isNth(rule);
      this.steps.push({ table, chain: name, index, matched });
      if (!matched) continue;
      const { target } = rule;
      // Read by conntrack alone: whoever traces says what the packet is to it (`UNTRACKED`).
      if (target.kind === 'NOTRACK') continue;
      if (target.kind === 'RETURN') return null;
      // At the end of a chain that was gone to, the packet returns to where this chain was jumped to from.
      if (target.kind === 'goto') return this.#walk(packet, table, chains, target.chain);
      if (target.kind !== 'jump') return { chain: name, index, rule };
      const found = this.#walk(packet, table, chains, target.chain);
      if (found !== null) return found;
    }
    return null;
  }

  /** `-m statistic` counts what the matches before it let through: it stands last. */
  #isNth(rule: Rule): boolean {
    const { everyNth } = rule.match;
    if (everyNth === undefined) return true;
    const seen = this.#input.seen?.get(rule) ?? 0;
    this.#input.seen?.set(rule, seen + 1);
    return seen % everyNth === 0;
  }

  /** A filtering hook: the end of the trace where the packet is dropped or rejected. */
  filter(table: TableName, chain: string): TraceResult | Decision {
    if (!this.#has(table, chain)) return { table, chain, policy: 'ACCEPT' };
    const { target, decision } = this.hook(table, chain);
    return target.kind === 'DROP' || target.kind === 'REJECT' ? this.end(target.kind, decision) : decision;
  }

  #has(table: TableName, chain: string): boolean {
    return this.#input.ruleSet[table]?.has(chain) === true;
  }

  end(verdict: TraceResult['verdict'], decidedBy: Decision): TraceResult {
    return { verdict, decidedBy, packet: this.packet, steps: this.steps };
  }

  /** nat PREROUTING or OUTPUT; of a known connection, what conntrack remembers. */
  destinationNat(chain: 'PREROUTING' | 'OUTPUT'): void {
    const { state, destinationNat } = this.packet.conntrack;
    if (state !== 'NEW') {
      if (destinationNat !== undefined && hasConnection(state))
        this.#rewrite('destination', destinationNat.address, destinationNat.port);
      return;
    }
    if (!this.#has('nat', chain)) return;
    const { target, decision } = this.hook('nat', chain);
    if (target.kind !== 'DNAT') return;
    const match = 'rule' in decision ? decision.rule.match : {};
    this.#rewrite('destination', target.address, translatedPort(target, match.destinationPorts?.first, this.packet));
  }

  /** nat POSTROUTING or INPUT. */
  sourceNat(chain: 'POSTROUTING' | 'INPUT'): void {
    const { state, sourceNat } = this.packet.conntrack;
    if (state !== 'NEW') {
      if (sourceNat !== undefined && hasConnection(state)) this.#rewrite('source', sourceNat.address, sourceNat.port);
      return;
    }
    if (!this.#has('nat', chain)) return;
    const { target } = this.hook('nat', chain);
    const out = this.packet.outInterface;
    const address =
      target.kind === 'MASQUERADE' && out !== undefined
        ? this.#input.masqueradeAddress?.(out)
        : target.kind === 'SNAT'
          ? target.address
          : undefined;
    if (address !== undefined) this.#rewrite('source', address, undefined);
  }

  #rewrite(field: 'source' | 'destination', address: Ipv4Address, port: number | undefined): void {
    const { conntrack } = this.packet;
    const portField = field === 'source' ? 'sourcePort' : 'destinationPort';
    const before = this.packet[portField];
    const isSame = this.packet[field] === address && (port ?? before) === before;
    if (isSame) return;
    // Of a known connection the bits were set by its first packet.
    const translated = conntrack.state === 'NEW' ? { ...conntrack.translated, [field]: true } : conntrack.translated;
    const ports = port === undefined ? {} : { [portField]: port };
    this.packet = {
      ...this.packet,
      [field]: address,
      ...ports,
      conntrack: { ...conntrack, ...(translated === undefined ? {} : { translated }) },
    };
  }
}

function withDefaults(packet: Packet): TracedPacket {
  const { conntrack = { state: 'NEW' } } = packet;
  const known: Conntrack = {
    ...conntrack,
    originalSource: conntrack.originalSource ?? packet.source,
    originalDestination: conntrack.originalDestination ?? packet.destination,
    translated: {
      destination: conntrack.translated?.destination ?? conntrack.destinationNat !== undefined,
      source: conntrack.translated?.source ?? conntrack.sourceNat !== undefined,
    },
  };
  return { ...packet, conntrack: known };
}

function translatedPort(
  target: Extract<Target, { kind: 'DNAT' }>,
  base: number | undefined,
  { destinationPort }: Packet,
): number | undefined {
  if (target.ports === undefined || target.ports.first === target.ports.last) return target.ports?.first;
  if (base === undefined || destinationPort === undefined) return target.ports.first;
  return target.ports.first + destinationPort - base;
}

function hasConnection(state: Conntrack['state']): boolean {
  return state === 'ESTABLISHED' || state === 'RELATED';
}

function isResult(answer: TraceResult | Decision): answer is TraceResult {
  return 'verdict' in answer;
}

type Stage = (trace: Trace) => TraceResult | Decision | null;

const filter =
  (table: TableName, chain: string): Stage =>
  (trace) =>
    trace.filter(table, chain);

function destinationNat(chain: 'PREROUTING' | 'OUTPUT'): Stage {
  return (trace) => {
    trace.destinationNat(chain);
    return null;
  };
}

function sourceNat(chain: 'POSTROUTING' | 'INPUT'): Stage {
  return (trace) => {
    trace.sourceNat(chain);
    return null;
  };
}

const arriving: readonly Stage[] = [
  filter('raw', 'PREROUTING'),
  filter('mangle', 'PREROUTING'),
  destinationNat('PREROUTING'),
];
const toRouter: readonly Stage[] = [filter('mangle', 'INPUT'), filter('filter', 'INPUT'), sourceNat('INPUT')];
const forwarded: readonly Stage[] = [filter('mangle', 'FORWARD'), filter('filter', 'FORWARD')];
const fromRouter: readonly Stage[] = [
  filter('raw', 'OUTPUT'),
  filter('mangle', 'OUTPUT'),
  destinationNat('OUTPUT'),
  filter('filter', 'OUTPUT'),
];
const leaving: readonly Stage[] = [filter('mangle', 'POSTROUTING'), sourceNat('POSTROUTING')];

interface Progress {
  readonly end: TraceResult | null;
  /** What the filter table said, so far. */
  readonly said: Decision | null;
}

function run(trace: Trace, stages: readonly Stage[], said: Decision | null): Progress {
  let latest = said;
  for (const stage of stages) {
    const answer = stage(trace);
    if (answer === null) continue;
    if (isResult(answer)) return { end: answer, said: latest };
    if ('table' in answer && answer.table === 'filter') latest = answer;
  }
  return { end: null, said: latest };
}

function finish(trace: Trace, { end, said }: Progress): TraceResult {
  return end ?? trace.end('ACCEPT', said ?? { table: 'filter', chain: 'FORWARD', policy: 'ACCEPT' });
}

function setOutInterface(trace: Trace, outInterface: InterfaceName): void {
  trace.packet = { ...trace.packet, outInterface };
}

/**
 * Says which rule decides a packet, by walking the hooks as the kernel does: raw, mangle and nat PREROUTING, the
 * routing decision, then INPUT, or FORWARD and POSTROUTING; OUTPUT and POSTROUTING for a packet of the router's own
 * (no `inInterface`). The nat table is asked only for a NEW connection, and the packet's ports stay where SNAT could
 * have moved them out of another connection's way. Throws RangeError on a jump to a chain that is not there.
 */
export function tracePacket(input: TraceInput): TraceResult {
  const trace = new Trace(input);
  const isOwn = input.packet.inInterface === undefined;
  if (isOwn) {
    const first = input.route(input.packet.destination);
    if (first === 'unreachable') return trace.end('DROP', { noRoute: true });
    if (first !== 'local') setOutInterface(trace, first.outInterface);
  }
  const before = run(trace, isOwn ? fromRouter : arriving, null);
  if (before.end !== null) return before.end;
  const route = input.route(trace.packet.destination);
  if (route === 'unreachable') return trace.end('DROP', { noRoute: true });
  if (route === 'local') return finish(trace, isOwn ? before : run(trace, toRouter, null));
  setOutInterface(trace, route.outInterface);
  const through = isOwn ? before : run(trace, forwarded, null);
  return finish(trace, through.end === null ? run(trace, leaving, through.said) : through);
}
