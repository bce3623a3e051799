// What an appliance may send, where its NICs say which addresses are its own, as those of a console proxy do: nobody who
// takes it over speaks for another tenant's public address. Routers, whose addresses are their document's, pass.
//
// Enforced by ebtables in `nat PREROUTING`, before the bridge learns a frame's source. A frame that may pass returns, so that
// ports that are dark stay dark. A NIC is known by its MAC address, since a VM's ports keep their names when others go.
import type { Nic } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import { KeyedLock } from '../keyed-lock.ts';
import { controlPortName, portName } from './names.ts';

/** An appliance with its NICs. */
export interface SecuredAppliance {
  readonly id: string;
  readonly nics: readonly Pick<Nic, 'macAddress' | 'addresses'>[];
}

function rootOf(installation: string): string {
  return `ith-${installation}-appliances`;
}

function entryRule(installation: string): string {
  return `-A PREROUTING -i ${installation}r+ -j ${rootOf(installation)}`;
}

function chainOf(installation: string, id: string): string {
  return `ith-${installation}-${portName('', 'r', id, 0).slice(0, -1)}`;
}

function isChainOf(installation: string, chain: string): boolean {
  return new RegExp(`^ith-${installation}-(?:appliances|r[0-9a-f]{8})$`).test(chain);
}

function rulesOf({ macAddress, addresses }: SecuredAppliance['nics'][number]): string[] {
  const own = `-s ${macAddress}`;
  if (addresses === null) return [`${own} -j RETURN`];
  const arp = `-p ARP ${own} --arp-htype 1 --arp-ptype 0x0800 --arp-mac-src ${macAddress} --arp-ip-src`;
  return [
    ...addresses.map((address) => `-p IPv4 ${own} --ip-src ${address} -j RETURN`),
    ...addresses.map((address) => `${arp} ${address} -j RETURN`),
    // Whether an address is free (RFC 5227, 1.1).
    `${arp} 0.0.0.0 -j RETURN`,
  ];
}

/** True where an appliance has a NIC whose addresses are known. */
function isSecured({ nics }: SecuredAppliance): boolean {
  return nics.some(({ addresses }) => addresses !== null);
}

/** What of it `saved`, the text of ebtables-save, holds. */
function readSaved(installation: string, saved: string): { readonly chains: string[]; readonly hasEntry: boolean } {
  const nat = (saved.split(/^\*/m).find((table) => table.startsWith('nat')) ?? '').split('\n');
  const chains = nat.filter((line) => line.startsWith(':')).map((line) => line.slice(1).split(' ')[0] ?? '');
  return {
    chains: chains.filter((name) => isChainOf(installation, name)),
    hasEntry: nat.includes(entryRule(installation)),
  };
}

/** Text for `ebtables-restore --noflush` that secures exactly these appliances, in one transaction; '' where none ever was. */
function renderAppliances(installation: string, appliances: readonly SecuredAppliance[], saved: string): string {
  const { chains, hasEntry } = readSaved(installation, saved);
  const root = rootOf(installation);
  const wanted = appliances.map(({ id }) => chainOf(installation, id));
  const kept = appliances.length === 0 ? [] : [root, ...wanted];
  const gone = chains.filter((name) => !kept.includes(name));
  const lines = [
    ...(appliances.length === 0 && hasEntry ? [entryRule(installation).replace('-A', '-D')] : []),
    ...appliances.flatMap(({ id, nics }) => {
      const name = chainOf(installation, id);
      const rules = [`-i ${controlPortName(installation, id)} -j RETURN`, ...nics.flatMap(rulesOf), '-j DROP'];
      return [`:${name} RETURN`, ...rules.map((rule) => `-A ${name} ${rule}`)];
    }),
    ...(appliances.length === 0 ? [] : [`:${root} RETURN`]),
    ...appliances.map(({ id }) => {
      return `-A ${root} -i ${portName(installation, 'r', id, 0).slice(0, -1)}+ -j ${chainOf(installation, id)}`;
    }),
    ...(appliances.length > 0 && !hasEntry ? [entryRule(installation)] : []),
    ...gone.map((name) => `-F ${name}`),
    ...gone.map((name) => `-X ${name}`),
  ];
  return lines.length === 0 ? '' : ['*nat', ...lines, ''].join('\n');
}

/** The secured appliances of one installation on one host. */
export class ApplianceGuard {
  readonly #commands: CommandRunner;
  readonly #installation: string;
  readonly #turns = new KeyedLock();
  readonly #appliances = new Map<string, SecuredAppliance>();

  constructor(commands: CommandRunner, installation: string) {
    this.#commands = commands;
    this.#installation = installation;
  }

  /** Brings the kernel to exactly these, whatever was there. Before any port exists. */
  load(appliances: readonly SecuredAppliance[]): Promise<void> {
    return this.#turns.run('ebtables', async () => {
      this.#appliances.clear();
      for (const each of appliances.filter(isSecured)) this.#appliances.set(each.id, each);
      await this.#bring();
    });
  }

  /** Before its ports exist. */
  set({ id, nics }: SecuredAppliance): Promise<void> {
    const next = { id, nics: nics.map(({ macAddress, addresses }) => ({ macAddress, addresses })) };
    return this.#turns.run('ebtables', async () => {
      const before = this.#appliances.get(id);
      if (isSecured(next) ? JSON.stringify(before) === JSON.stringify(next) : before === undefined) return;
      if (isSecured(next)) this.#appliances.set(id, next);
      else this.#appliances.delete(id);
      await this.#bring();
    });
  }

  /** When its ports are gone. */
  remove(id: string): Promise<void> {
    return this.#turns.run('ebtables', async () => {
      if (this.#appliances.delete(id)) await this.#bring();
    });
  }

  /** Loads everything again where someone else has removed it. */
  heal(): Promise<void> {
    return this.#turns.run('ebtables', async () => {
      if (this.#appliances.size === 0) return;
      const { chains, hasEntry } = readSaved(this.#installation, await this.#save());
      const isWhole = [...this.#appliances.keys()].every((id) => chains.includes(chainOf(this.#installation, id)));
      if (!(isWhole && hasEntry && chains.includes(rootOf(this.#installation)))) await this.#bring();
    });
  }

  async #bring(): Promise<void> {
    const input = renderAppliances(this.#installation, [...this.#appliances.values()], await this.#save());
    if (input !== '') await this.#commands.run('ebtables-nft-restore', ['--noflush'], { input });
  }

  async #save(): Promise<string> {
    return (await this.#commands.run('ebtables-nft-save', [])).stdout;
  }
}
