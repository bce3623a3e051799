// The control network of this host: a bridge of its own, on which the host speaks to the agents inside of appliances, VMs or
// processes in namespaces, and nobody else. It is made with the first of them.
import { type ControlNic, ControlNicSchema, validator } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { type Ipv4Address, type Ipv4Cidr, ipv4Network, isIpv4Address, isIpv4Cidr } from '@isthmus/net';
import { KeyedLock } from '../keyed-lock.ts';
import { Records } from '../records.ts';
import { changeLinks } from '../wiring/links.ts';
import { controlBridgeName } from '../wiring/names.ts';
import type { SegmentBridges } from '../wiring/segment-bridges.ts';
import { chooseControlRange, controlPrefixLength, freeAddress, freeMacAddress, gatewayOf } from './control-range.ts';

const nicValidator = validator(ControlNicSchema);

interface Address {
  readonly addr_info?: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
}

/** What the control network is made with; `state` is absolute. */
export interface ControlNetworkContext {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly bridges: SegmentBridges;
}

export class ControlNetwork {
  /** Name of its bridge. */
  readonly bridge: string;
  readonly #context: ControlNetworkContext;
  readonly #nics: Records<ControlNic>;
  readonly #turns = new KeyedLock();
  #range: Ipv4Cidr | null = null;

  constructor(context: ControlNetworkContext) {
    const { host, state, installation } = context;
    this.#context = context;
    this.bridge = controlBridgeName(installation);
    this.#nics = new Records(host.files, `${state}/host-agent/control-nics`, (value) => nicValidator.check(value));
  }

  /** Reads which range and addresses were given. */
  async load(): Promise<void> {
    const text = (await this.#context.host.files.readTextIfExists(this.#rangePath()))?.trim() ?? '';
    this.#range = isIpv4Cidr(text) ? text : null;
    await this.#nics.load(this.#context.host.log);
  }

  /** The bridges to guard the host from at start. */
  bridgesInUse(): string[] {
    return this.#nics.entries().length > 0 ? [this.bridge] : [];
  }

  /** The control NIC that an appliance has; null where it has none. */
  nicOf(id: string): ControlNic | null {
    return this.#nics.get(id) ?? null;
  }

  /** The host's own address on the network; null before the first appliance has had a NIC. */
  gateway(): Ipv4Address | null {
    return this.#range === null ? null : gatewayOf(this.#range);
  }

  /** The appliance that has an address: no other can answer for it. Null where none has. */
  ownerOf(address: string): string | null {
    return this.#nics.entries().find(([, nic]) => nic.address === address)?.[0] ?? null;
  }

  /** Gives an appliance its control NIC, the same at every call, once the network is there. */
  allocate(id: string): Promise<ControlNic> {
    return this.#turns.run('control', async () => {
      const range = await this.#ensure();
      const known = this.#nics.get(id);
      if (known !== undefined) {
        await this.#pin([known]);
        return known;
      }
      const others = this.#nics.entries().map(([, nic]) => nic);
      const nic: ControlNic = {
        macAddress: freeMacAddress(
          `${this.#context.installation}:${id}`,
          new Set(others.map(({ macAddress }) => macAddress)),
        ),
        address: freeAddress(range, new Set(others.map(({ address }) => address))),
        prefixLength: controlPrefixLength,
        gateway: gatewayOf(range),
      };
      await this.#nics.put(id, nic);
      await this.#pin([nic]);
      return nic;
    });
  }

  /** Takes an appliance's control NIC back. No error where it has none. */
  free(id: string): Promise<void> {
    return this.#turns.run('control', async () => {
      const nic = this.#nics.get(id);
      if (nic === undefined) return;
      await this.#nics.delete(id);
      const args = ['neigh', 'delete', nic.address, 'dev', this.bridge];
      await this.#context.host.commands.run('ip', args, { okCodes: [0, 1, 2] });
    });
  }

  /** Makes again what someone else removed of it. */
  heal(): Promise<void> {
    return this.#turns.run('control', async () => {
      const nics = this.#nics.entries().map(([, nic]) => nic);
      const [first] = nics;
      if (first === undefined || (await this.#context.bridges.isControlWhole(this.bridge, first.gateway))) return;
      await this.#ensure();
      await this.#pin(nics);
    });
  }

  /** Forgets what is in memory; the files and the bridge are the caller's to remove. */
  clear(): void {
    this.#range = null;
    this.#nics.clear();
  }

  #rangePath(): string {
    return `${this.#context.state}/host-agent/control-network`;
  }

  async #ensure(): Promise<Ipv4Cidr> {
    const { host, installation, state, bridges } = this.#context;
    const range = this.#range ?? chooseControlRange(`${installation}:${state}`, await this.#addressesOfHost());
    if (this.#range === null) {
      await host.files.writeText(this.#rangePath(), `${range}\n`, { mode: 0o600 });
      this.#range = range;
    }
    await bridges.ensureControl(this.bridge, gatewayOf(range), controlPrefixLength);
    return range;
  }

  /** Whose address is whose is decided here: an appliance cannot take another's by ARP. */
  async #pin(nics: readonly ControlNic[]): Promise<void> {
    const changes = nics.map(
      ({ address, macAddress }) => `neigh replace ${address} lladdr ${macAddress} dev ${this.bridge} nud permanent`,
    );
    await changeLinks(this.#context.host.commands, changes);
  }

  /** Networks that this host has addresses in. */
  async #addressesOfHost(): Promise<Ipv4Cidr[]> {
    const { stdout } = await this.#context.host.commands.run('ip', ['-4', '-json', 'address', 'show']);
    const links = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as Address[];
    return links
      .flatMap(({ addr_info: addresses = [] }) => addresses)
      .flatMap(({ local, prefixlen }) => (isIpv4Address(local) ? [ipv4Network(local, prefixlen)] : []));
  }
}
