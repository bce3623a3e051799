// Meta-data, user data and passwords for a router's guests: one HTTP service of this process, from memory.
import type { MetadataGuest, MetadataPassword, Operations, RouterSettings, ServiceHealth } from '@isthmus/contract';
import type {
  DocumentChange,
  DocumentFault,
  EntryChange,
  PortableState,
  RouterService,
  ServiceContext,
  ServicePlan,
} from '../service.ts';
import { answerMetadata, answerPasswords } from './answers.ts';
import { GivenPasswords } from './given-passwords.ts';
import { type Door, MetadataListener } from './listener.ts';
import { changed, MetadataState } from './state.ts';

const [metadataPort, passwordPort] = [80, 8080];

type Settings = RouterSettings['metadata'];
type Collection = 'metadata.guests' | 'metadata.passwords';

/** Two entries for one address: whose data would it be? Costs as much as the change. */
function duplicates<Name extends Collection>(
  collection: Name,
  changes: readonly EntryChange<Name>[],
  applied: { readonly owner: (address: string) => string | undefined; readonly isReplaced: (id: string) => boolean },
): DocumentFault[] {
  const owners = new Map<string, string>();
  return changes.flatMap(({ id, after }) => {
    if (after === undefined) return [];
    const { address } = after as { readonly address: string };
    const appliedOwner = applied.owner(address);
    const isTaken = appliedOwner !== undefined && !applied.isReplaced(appliedOwner);
    const owner = owners.get(address) ?? (isTaken ? appliedOwner : undefined);
    owners.set(address, id);
    if (owner === undefined || owner === id) return [];
    const message = `${address} is also that of ${collection}.${owner}: expected one that no other has`;
    return [{ path: `${collection}.${id}.address`, message }];
  });
}

function wholeOf<Entry>(changes: readonly { readonly id: string; readonly after?: Entry }[]): Map<string, Entry> {
  return new Map(changes.flatMap(({ id, after }) => (after === undefined ? [] : [[id, after] as const])));
}

class MetadataService implements RouterService {
  readonly name = 'metadata';
  readonly portable: PortableState;
  readonly operations: Operations;
  readonly #context: ServiceContext;
  readonly #state = new MetadataState();
  readonly #given: GivenPasswords;
  readonly #listener: MetadataListener;
  #settings: Settings | null = null;

  constructor(context: ServiceContext) {
    this.#context = context;
    const { files, sockets } = context.host;
    this.#given = new GivenPasswords(files, `${context.paths.state}/metadata`);
    this.#listener = new MetadataListener(sockets);
    this.portable = {
      exportState: async () => {
        await this.#given.load();
        return JSON.stringify({ given: this.#given.versions() });
      },
      importState: async (text) => {
        const { given } = JSON.parse(text) as { given: string[] };
        await this.#given.load();
        await this.#given.adopt(given);
      },
      whileServing: true,
    };
    this.operations = { 'fetched-passwords': async () => ({ versions: await this.#fetched() }) };
  }

  check({ full, document, sections, entries }: DocumentChange): DocumentFault[] {
    const faults: DocumentFault[] = [];
    if (full || sections.has('metadata') || sections.has('routing')) faults.push(...settingsFaults(document.settings));
    for (const name of ['metadata.guests', 'metadata.passwords'] as const) {
      const collection = name === 'metadata.guests' ? this.#state.guests : this.#state.passwords;
      const changedIds = new Set(entries[name].map(({ id }) => id));
      const applied = {
        owner: (address: string) => collection.owner(address),
        isReplaced: (id: string) => full || changedIds.has(id),
      };
      faults.push(...duplicates(name, entries[name] as EntryChange<typeof name>[], applied));
    }
    return faults;
  }

  plan(change: DocumentChange): ServicePlan | null {
    const { full, sections, entries, document } = change;
    const [guests, passwords] = [entries['metadata.guests'], entries['metadata.passwords']];
    const isSettings = full || this.#settings === null || sections.has('metadata');
    if (!isSettings && guests.length === 0 && passwords.length === 0) return null;
    const settings = document.settings.metadata;
    const settingsBefore = this.#settings;
    const { guests: served, passwords: secrets } = this.#state;
    let back: (() => void) | null = null;
    return {
      stage: () => this.#given.load(),
      apply: async () => {
        const guestsBefore = full ? served.become(wholeOf<MetadataGuest>(guests)) : served.replace(changed(guests));
        const passwordsBefore = full
          ? secrets.become(wholeOf<MetadataPassword>(passwords))
          : secrets.replace(changed(passwords));
        back = () => {
          served.replace(guestsBefore);
          secrets.replace(passwordsBefore);
        };
        if (isSettings) await this.#listener.become(this.#doors(settings));
        this.#settings = settings;
      },
      verify: async () => {
        if (!this.#listener.serves(this.#doors(settings))) throw new Error('not every address of metadata is served');
      },
      commit: async () => {
        if (full) return this.#given.keepOnly(new Set([...secrets.values()].map(({ version }) => version)));
        const gone = passwords.flatMap(({ before, after }) =>
          before !== undefined && before.version !== after?.version ? [before.version] : [],
        );
        await this.#given.forget(gone);
      },
      revert: async () => {
        back?.();
        back = null;
        this.#settings = settingsBefore;
        if (isSettings && settingsBefore !== null) await this.#listener.become(this.#doors(settingsBefore));
        if (settingsBefore === null) this.#listener.close();
      },
    };
  }

  async health(): Promise<ServiceHealth> {
    const fault = this.#fault();
    const enabled = this.#settings?.enabled === true;
    const serving = `serves ${this.#state.guests.size} guests`;
    return {
      service: this.name,
      healthy: fault === null,
      detail: fault ?? (enabled ? serving : 'not wanted'),
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  #fault(): string | null {
    if (this.#settings === null) return 'no document is applied';
    return this.#listener.serves(this.#doors(this.#settings)) ? null : 'not every address is served';
  }

  async heal(): Promise<void> {
    if (this.#settings !== null) await this.#listener.become(this.#doors(this.#settings));
  }

  /** The sockets are this process's own, so what it serves ends with the agent and returns with the next. */
  async release(): Promise<void> {
    this.#listener.close();
  }

  async shutdown(): Promise<void> {
    this.#listener.close();
  }

  #doors({ enabled, addresses }: Settings): Door[] {
    if (!enabled) return [];
    const at = (port: number) => addresses.map((address) => ({ address, port }));
    return [
      { endpoints: at(metadataPort), answer: answerMetadata(this.#state) },
      { endpoints: at(passwordPort), answer: answerPasswords(this.#state, this.#given, this.#context.host.log) },
    ];
  }

  async #fetched(): Promise<string[]> {
    await this.#given.load();
    return [...this.#state.passwords.values()].map(({ version }) => version).filter((each) => this.#given.has(each));
  }
}

/** An address that nobody on the guest NIC could reach would never be served. */
function settingsFaults({ metadata, routing }: RouterSettings): DocumentFault[] {
  if (!metadata.enabled) return [];
  const nic = routing.interfaces.find(({ name }) => name === metadata.interface);
  if (nic !== undefined) return [];
  const names = routing.interfaces.map(({ name }) => name).join(', ') || 'none';
  const message = `${metadata.interface}: expected an interface of the section routing, which has ${names}`;
  return [{ path: 'metadata.interface', message }];
}

/** Metadata of the guests of one router. `portable` tells its replacement which passwords were given. */
export function createMetadataService(context: ServiceContext): RouterService {
  return new MetadataService(context);
}
