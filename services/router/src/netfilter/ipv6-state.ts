// The model of what the kernel has of IPv6: rules and sets of one router, moved from one document to the next and back.
import type { RouterDocument, RouterSettings } from '@isthmus/contract';
import type { IpSet } from '@isthmus/iptables-ts';
import { type ControlPath, type Ipv6Base, type Ipv6Changes, Ipv6Rules } from '@isthmus/templates/firewall';
import type { DocumentChange, EntryChange } from '../service.ts';
import { turned } from './state.ts';

/** What the settings of a document mean for IPv6; without `base` there is none. */
export interface Ipv6Settings {
  readonly base: Ipv6Base | null;
  readonly egressDefault: 'allow' | 'deny';
}

/** A change as the packet filter of IPv6 sees it. It can be turned round. */
export interface Ipv6Change {
  readonly before: Ipv6Settings | null;
  readonly after: Ipv6Settings | null;
  readonly entries: readonly EntryChange<'firewall.ipv6'>[];
}

/** Changed chains of each table, and sets that came and went. */
export interface Ipv6Step {
  readonly tables: Ipv6Changes;
  readonly lists: { readonly added: readonly IpSet<6>[]; readonly removed: readonly string[] };
}

/** True where a change of the document may concern IPv6. */
export function concernsIpv6({ full, sections, entries }: DocumentChange): boolean {
  return full || sections.has('firewall') || sections.has('routing') || entries['firewall.ipv6'].length > 0;
}

/** The settings of a document; IPv6 takes a network and the router's own address in it. */
export function ipv6SettingsOf(
  { firewall, routing }: Pick<RouterSettings, 'firewall' | 'routing'>,
  control: ControlPath | undefined,
): Ipv6Settings {
  const { guestInterface, publicInterface, guestNetworkIpv6: guestNetwork, egressDefault } = firewall;
  const guestAddress = routing.interfaces.find(({ name }) => name === guestInterface)?.ipv6?.address;
  if (guestNetwork === undefined || guestAddress === undefined) return { base: null, egressDefault };
  const base = {
    guestInterface,
    guestNetwork,
    guestAddress,
    ...(publicInterface === undefined ? {} : { publicInterface }),
    ...(control === undefined ? {} : { controlInterface: control.interface }),
  };
  return { base, egressDefault };
}

/** The change that takes another back. */
export function turnedIpv6Change({ before, after, entries }: Ipv6Change): Ipv6Change {
  return { before: after, after: before, entries: turned(entries) };
}

/** The rules and sets of IPv6 of one document. Moves to the next, and says what differs. */
export class Ipv6State {
  readonly rules: Ipv6Rules;
  settings: Ipv6Settings;

  constructor(namePrefix: string, settings: Ipv6Settings) {
    this.rules = new Ipv6Rules(namePrefix);
    this.settings = settings;
    this.rules.set(settings.base, settings.egressDefault);
  }

  /** The state of a whole document. */
  static of(namePrefix: string, document: RouterDocument, control: ControlPath | undefined): Ipv6State {
    const state = new Ipv6State(namePrefix, ipv6SettingsOf(document.settings, control));
    for (const [id, rule] of document.entries['firewall.ipv6']) state.rules.put(id, rule);
    state.#take();
    return state;
  }

  /** Moves to the state after a change and says what differs. */
  advance({ after, entries }: Ipv6Change): Ipv6Step {
    for (const { id, after: rule } of entries) {
      if (rule === undefined) this.rules.remove(id);
      else this.rules.put(id, rule);
    }
    if (after !== null && JSON.stringify(after) !== JSON.stringify(this.settings)) {
      this.settings = after;
      this.rules.set(after.base, after.egressDefault);
    }
    return this.#take();
  }

  #take(): Ipv6Step {
    return { tables: this.rules.takeChanges(), lists: this.rules.lists.takeChanges() };
  }
}
