// The consoles of machines by the host's driver: QEMU's sockets, or the shell of an instance in a namespace.
import type { Duplex } from 'node:stream';
import type { Host } from '@isthmus/host';
import type { VirtualMachineDriver } from '../drivers/driver.ts';
import { HostAgentError } from '../errors.ts';
import type { InstanceShells } from './instance-shells.ts';
import { hubLimits, SerialHubs } from './serial-hub.ts';
import { type ConsoleOfMachine, type ConsoleSource, connectTo, nounOf, openToAll } from './sources.ts';

/** Where consoles are found; `end` ends what they hold open. */
export interface MachineConsoles {
  /** Throws HostAgentError (`conflict`) where machines of that kind have no such console. */
  source(machine: ConsoleOfMachine): Promise<ConsoleSource>;
  end(): void;
}

/** The consoles of VMs. Several may look at one screen: QEMU serves each. Of a serial port one connection is shared. */
export class VirtualMachineConsoles implements MachineConsoles {
  readonly #files: Host['files'];
  readonly #driver: Pick<VirtualMachineDriver, 'consoles' | 'vncPassword'>;
  readonly #hubs = new SerialHubs();

  constructor({ files }: Pick<Host, 'files'>, driver: Pick<VirtualMachineDriver, 'consoles' | 'vncPassword'>) {
    this.#files = files;
    this.#driver = driver;
  }

  async source(machine: ConsoleOfMachine): Promise<ConsoleSource> {
    const noun = nounOf(machine);
    const { vnc, serial, serialLog } = this.#driver.consoles(machine.machine, machine.id);
    if (machine.console === 'vnc') {
      const password = await this.#driver.vncPassword(machine.machine, machine.id);
      const security = password === null ? openToAll : { types: ['VncAuth' as const], password };
      return { security, open: () => connectTo(vnc, noun) };
    }
    const connect = () => connectTo(serial, noun);
    return { security: openToAll, open: () => this.#hubs.view({ noun, connect, log: () => this.#log(serialLog) }) };
  }

  end(): void {
    this.#hubs.end();
  }

  /** virtlogd keeps the piece before the newest beside it. */
  async #log(path: string): Promise<Buffer> {
    const read = async (each: string) => Buffer.from((await this.#files.readTextIfExists(each)) ?? '');
    const newest = await read(path);
    const log = newest.length < hubLimits.history ? Buffer.concat([await read(`${path}.0`), newest]) : newest;
    return log.subarray(Math.max(0, log.length - hubLimits.history));
  }
}

/** The consoles of instances in namespaces: a shell each. Routers have none. */
export class NamespaceConsoles implements MachineConsoles {
  readonly #shells: InstanceShells;
  readonly #hubs = new SerialHubs();

  constructor(shells: InstanceShells) {
    this.#shells = shells;
  }

  async source(machine: ConsoleOfMachine): Promise<ConsoleSource> {
    const noun = nounOf(machine);
    if (machine.machine === 'instance' && machine.console === 'serial') {
      return { security: openToAll, open: () => this.#view(machine.id, noun) };
    }
    const has = machine.machine === 'instance' ? 'which has console serial alone' : 'which has no console';
    throw new HostAgentError('conflict', `${noun}: is in a namespace, ${has}`);
  }

  end(): void {
    this.#hubs.end();
  }

  #view(id: string, noun: string): Promise<Duplex> {
    const connect = () => this.#shells.start(id);
    return this.#hubs.view({ noun, connect, log: async () => Buffer.alloc(0), limits: { keepMs: 600_000 } });
  }
}
