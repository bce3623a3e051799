// The consoles of a host: who was granted which, the door that console proxies come by, other hosts that lead here, and
// those that this one leads to.
import type { Duplex } from 'node:stream';
import {
  type ConsoleGrant,
  type ConsoleGranted,
  ConsoleGrantSchema,
  type MigrationDestination,
  validator,
} from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { ControlNetwork } from '../control/control-network.ts';
import { HostAgentError } from '../errors.ts';
import type { MachineState } from '../machines.ts';
import { carryConsole, type Upgrade } from './carry.ts';
import { ConsoleDoor } from './door.ts';
import { ConsoleGrants } from './grants.ts';
import type { MachineConsoles } from './machine-consoles.ts';
import { type ConsoleOfMachine, type ConsoleSource, nounOf } from './sources.ts';

export const consoleGrantValidator = validator(ConsoleGrantSchema);

/** Leads to the consoles of other hosts. */
export interface ConsolePeers {
  /** Why no other host can be led to (`dials`), or none can come here (`serves`); null where it can. */
  fault(direction: 'dials' | 'serves'): string | null;
  /** The stream that another host grants this one. Throws HostAgentError. */
  openConsole(destination: MigrationDestination, id: string, secret: string): Promise<Duplex>;
}

/** What of the host they work on. `stateOf` throws HostAgentError (`not-found`). */
export interface ConsolesContext {
  readonly host: Host;
  readonly control: Pick<ControlNetwork, 'gateway' | 'ownerOf'>;
  readonly peers: ConsolePeers | null;
  readonly machines: MachineConsoles;
  stateOf(machine: ConsoleOfMachine['machine'], id: string): MachineState;
}

export class Consoles {
  readonly #context: ConsolesContext;
  readonly #grants = new ConsoleGrants();
  readonly #door: ConsoleDoor;
  #fault: string | null = null;

  constructor(context: ConsolesContext) {
    this.#context = context;
    const { host, control } = context;
    this.#door = new ConsoleDoor({
      host,
      ownerOf: (address) => control.ownerOf(address),
      carry: (appliance, upgrade) => void carryConsole(this.#grants, { appliance }, upgrade),
    });
  }

  /**
   * Grants a console, instead of what was granted under that id; it can be opened when this resolves. Throws
   * HostAgentError, and then nothing is granted under that id.
   */
  async grant(id: string, grant: ConsoleGrant): Promise<ConsoleGranted> {
    this.#grants.revoke(id);
    await this.#admit(grant.to);
    const { from } = grant;
    if ('via' in from) {
      this.#requirePeers('dials', `host ${from.via.hostId}`);
      const { peers } = this.#context;
      this.#grants.put(id, grant, async (secret) => {
        if (peers === null) throw new HostAgentError('conflict', `console ${id}: expected other hosts`);
        return peers.openConsole(from.via, id, secret);
      });
      return { security: null };
    }
    const source = await this.#sourceOf(from);
    this.#grants.put(id, grant, () => source.open());
    return { security: source.security };
  }

  /** Ends a grant, and its stream at once. No error where there is none. */
  revoke(id: string): void {
    this.#grants.revoke(id);
  }

  /** True where a console was granted to that host, which has not come yet. */
  expects(hostId: string): boolean {
    return this.#grants.expects(hostId);
  }

  /** Leads another host's upgrade to what it was granted, or refuses it. */
  carry(hostId: string, upgrade: Upgrade): Promise<void> {
    return carryConsole(this.#grants, { host: hostId }, upgrade);
  }

  /** Opens the door where there is a control network, unless it is open. */
  async heal(): Promise<void> {
    const { control, host } = this.#context;
    const gateway = control.gateway();
    try {
      if (gateway !== null) await this.#door.ensure(gateway);
      this.#fault = null;
    } catch (error) {
      const fault = String(error);
      if (this.#fault !== fault) host.log.warn('the door of consoles does not open', { address: gateway, error });
      this.#fault = fault;
    }
  }

  /** Ends every grant and stream, and shuts the door. */
  async release(): Promise<void> {
    this.#grants.clear();
    this.#context.machines.end();
    await this.#door.close();
  }

  async #admit(to: ConsoleGrant['to']): Promise<void> {
    if ('host' in to) return this.#requirePeers('serves', `host ${to.host}`);
    const gateway = this.#context.control.gateway();
    if (gateway === null) {
      throw new HostAgentError('conflict', `appliance ${to.appliance}: expected one with a control NIC on this host`);
    }
    await this.#door.ensure(gateway);
  }

  #requirePeers(direction: 'dials' | 'serves', noun: string): void {
    const { peers } = this.#context;
    const fault = peers === null ? 'this host speaks to no other one' : peers.fault(direction);
    if (fault !== null) throw new HostAgentError('conflict', `${noun}: ${fault}`);
  }

  async #sourceOf(machine: ConsoleOfMachine): Promise<ConsoleSource> {
    const { state, reason } = this.#context.stateOf(machine.machine, machine.id);
    if (state === 'Running') return this.#context.machines.source(machine);
    const why = reason === undefined ? '' : ` (${reason})`;
    throw new HostAgentError('conflict', `${nounOf(machine)}: expected it to be running, not ${state}${why}`);
  }
}
