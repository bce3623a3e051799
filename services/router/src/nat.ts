// What the schema cannot see of the section `nat`: entries that contradict each other or the settings.
import type { LoadBalancerRule, PortForward, RouterDocument, RouterSettings, StaticNat } from '@isthmus/contract';
import { cidrContains, formatPortRange, type Ipv4Address, type PortRange } from '@isthmus/net';
import { claimOf, NatIndex } from './nat-index.ts';
import type { DocumentChange, DocumentFault } from './service.ts';

type NatSettings = RouterSettings['nat'];

/** Faults of a port range, with the path of the range. */
export function portRangeFaults(path: string, { first, last }: PortRange): DocumentFault[] {
  if (first <= last) return [];
  return [{ path, message: `${path} ${first} to ${last}: expected a first port that is not after the last` }];
}

function settingsFaults(nat: NatSettings): DocumentFault[] {
  const { guestInterface, guestNetwork, guestAddress, publicInterface, sourceNatAddress } = nat;
  const faults: DocumentFault[] = [];
  const fault = (field: keyof NatSettings, value: string, expected: string) => {
    faults.push({ path: `nat.${field}`, message: `nat.${field} ${value}: expected ${expected}` });
  };
  if (!cidrContains(guestNetwork, guestAddress)) fault('guestAddress', guestAddress, `an address of ${guestNetwork}`);
  if (publicInterface === guestInterface) fault('publicInterface', publicInterface, 'another than guestInterface');
  if (sourceNatAddress !== undefined && publicInterface === undefined) {
    fault('sourceNatAddress', sourceNatAddress, 'none where there is no publicInterface');
  }
  if (sourceNatAddress !== undefined && cidrContains(guestNetwork, sourceNatAddress)) {
    fault('sourceNatAddress', sourceNatAddress, `an address outside the guest network ${guestNetwork}`);
  }
  return faults;
}

function guestFaults(path: string, address: Ipv4Address, nat: NatSettings): DocumentFault[] {
  if (cidrContains(nat.guestNetwork, address) && address !== nat.guestAddress) return [];
  return [{ path, message: `${path} ${address}: expected a guest's address in ${nat.guestNetwork}` }];
}

/** Says what the entries are checked against: the index without what the change takes out, and what the change puts in. */
class NatCheck {
  readonly #index: NatIndex;
  readonly #gone: ReadonlySet<string>;
  readonly #own = new NatIndex();
  readonly #nat: NatSettings;
  readonly #isBalancer: (id: string) => boolean;
  readonly faults: DocumentFault[] = [];

  constructor(index: NatIndex, gone: ReadonlySet<string>, { settings, entries }: RouterDocument) {
    this.#index = index;
    this.#gone = gone;
    this.#nat = settings.nat;
    this.#isBalancer = (id) => entries['loadBalancing.rules'].has(id);
  }

  #others(find: (index: NatIndex) => Iterable<string>): string[] {
    return [...[...find(this.#index)].filter((id) => !this.#gone.has(id)), ...find(this.#own)];
  }

  /** Whose ports or address they are. */
  #named(id: string): string {
    return `${this.#isBalancer(id) ? 'load balancer' : 'port forward'} ${id}`;
  }

  #fault(path: string, value: string, expected: string): void {
    this.faults.push({ path, message: `${path} ${value}: expected ${expected}` });
  }

  forward(id: string, forward: PortForward): void {
    const path = `nat.portForwards.${id}`;
    const { publicAddress, publicPorts, privatePorts, privateAddress } = forward;
    const ranges = [
      ...portRangeFaults(`${path}.publicPorts`, publicPorts),
      ...portRangeFaults(`${path}.privatePorts`, privatePorts),
    ];
    this.faults.push(...ranges, ...guestFaults(`${path}.privateAddress`, privateAddress, this.#nat));
    if (ranges.length > 0) return;
    if (publicPorts.last - publicPorts.first !== privatePorts.last - privatePorts.first) {
      const value = formatPortRange(privatePorts);
      this.#fault(`${path}.privatePorts`, value, `as many ports as publicPorts ${formatPortRange(publicPorts)}`);
    }
    const [taken] = this.#others((index) => index.overlapping(forward));
    if (taken !== undefined) {
      this.#fault(
        `${path}.publicPorts`,
        formatPortRange(publicPorts),
        `ports that ${this.#named(taken)} does not have`,
      );
    }
    const [whole] = this.#others((index) => index.staticsOf(publicAddress));
    if (whole !== undefined) {
      this.#fault(`${path}.publicAddress`, publicAddress, `an address that static NAT ${whole} does not have`);
    }
    this.#own.putForward(id, forward);
  }

  balancer(id: string, rule: LoadBalancerRule): void {
    const path = `loadBalancing.rules.${id}`;
    const { publicAddress, publicPort } = rule;
    const claim = claimOf(rule);
    const [taken] = this.#others((index) => index.overlapping(claim));
    if (taken !== undefined)
      this.#fault(`${path}.publicPort`, `${publicPort}`, `a port that ${this.#named(taken)} does not have`);
    const [whole] = this.#others((index) => index.staticsOf(publicAddress));
    if (whole !== undefined) {
      this.#fault(`${path}.publicAddress`, publicAddress, `an address that static NAT ${whole} does not have`);
    }
    this.#own.putForward(id, claim);
  }

  static(id: string, entry: StaticNat): void {
    const path = `nat.staticNats.${id}`;
    const { publicAddress, privateAddress } = entry;
    this.faults.push(...guestFaults(`${path}.privateAddress`, privateAddress, this.#nat));
    if (publicAddress === this.#nat.sourceNatAddress) {
      this.#fault(`${path}.publicAddress`, publicAddress, 'another than the source NAT address');
    }
    const [same] = this.#others((index) => index.staticsOf(publicAddress));
    if (same !== undefined) {
      this.#fault(`${path}.publicAddress`, publicAddress, `an address that static NAT ${same} does not have`);
    }
    const [forward] = this.#others((index) => index.forwardsOf(publicAddress));
    if (forward !== undefined) {
      this.#fault(`${path}.publicAddress`, publicAddress, `an address that ${this.#named(forward)} does not have`);
    }
    const [guest] = this.#others((index) => index.staticsOfGuest(privateAddress));
    if (guest !== undefined) {
      this.#fault(`${path}.privateAddress`, privateAddress, `a guest that static NAT ${guest} does not have`);
    }
    this.#own.putStatic(id, entry);
  }
}

/** Faults that a change of the settings makes in entries that stay as they are. */
function settledFaults(change: DocumentChange, index: NatIndex): DocumentFault[] {
  const { entries, settings } = change.document;
  const { sourceNatAddress } = settings.nat;
  const faults: DocumentFault[] = [];
  for (const name of ['nat.portForwards', 'nat.staticNats'] as const) {
    const changed = new Set(change.entries[name].map(({ id }) => id));
    for (const [id, entry] of entries[name]) {
      if (changed.has(id)) continue;
      const { privateAddress } = entry;
      faults.push(...guestFaults(`${name}.${id}.privateAddress`, privateAddress, settings.nat));
    }
  }
  const changed = new Set(change.entries['nat.staticNats'].map(({ id }) => id));
  for (const id of sourceNatAddress === undefined ? [] : index.staticsOf(sourceNatAddress)) {
    if (changed.has(id)) continue;
    const message = `nat.sourceNatAddress ${sourceNatAddress}: expected an address that static NAT ${id} does not have`;
    faults.push({ path: 'nat.sourceNatAddress', message });
  }
  return faults;
}

/** Cross-reference faults of `nat` in a change. `index` holds what is applied; a full change does not look at it. */
export function natFaults(change: DocumentChange, index: NatIndex): DocumentFault[] {
  const { nat, loadBalancing } = change.document.settings;
  const forwards = change.entries['nat.portForwards'];
  const statics = change.entries['nat.staticNats'];
  const balancers = loadBalancing.enabled ? change.entries['loadBalancing.rules'] : [];
  const gone = new Set([...forwards, ...statics, ...balancers].map(({ id }) => id));
  const check = new NatCheck(change.full ? new NatIndex() : index, gone, change.document);
  for (const { id, after } of forwards) if (after !== undefined) check.forward(id, after);
  for (const { id, after } of balancers) if (after !== undefined) check.balancer(id, after);
  for (const { id, after } of statics) if (after !== undefined) check.static(id, after);
  const settingsChanged = change.full || change.sections.has('nat');
  return [
    ...(settingsChanged ? settingsFaults(nat) : []),
    ...check.faults,
    ...(settingsChanged && !change.full ? settledFaults(change, index) : []),
  ];
}
