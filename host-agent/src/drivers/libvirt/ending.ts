// How a VM ends. What is said here to be dead is dead, whatever libvirtd knows or cannot say: that is what makes it safe
// to start the machine elsewhere.
import type { Host } from '@isthmus/host';
import { HostAgentError } from '../../errors.ts';
import type { Libvirtd } from './libvirtd.ts';
import { isVirshBusyWith, qemuProcesses } from './processes.ts';
import type { Virsh } from './virsh.ts';

const deadWithinMs = 15_000;
const virshEndsWithinMs = 180_000;

/** True as soon as `isDone` says so, false after `limitMs`. */
export async function until(host: Host, limitMs: number, isDone: () => Promise<boolean>): Promise<boolean> {
  const end = host.clock.monotonicMs() + limitMs;
  for (;;) {
    if (await isDone()) return true;
    if (host.clock.monotonicMs() > end) return false;
    await host.clock.sleep(100);
  }
}

/** Ends the domains of a host. `network` is its network namespace, as /proc/PID/ns/net names it: QEMUs in it are its. */
export class Ending {
  readonly #host: Host;
  readonly #network: string;
  readonly #virsh: Virsh;
  readonly #libvirtd: Libvirtd;

  constructor(host: Host, network: string, virsh: Virsh, libvirtd: Libvirtd) {
    this.#host = host;
    this.#network = network;
    this.#virsh = virsh;
    this.#libvirtd = libvirtd;
  }

  /** Process ids by the domain's name, of all QEMUs of the host. */
  processes(): Map<string, number[]> {
    return qemuProcesses(this.#network);
  }

  /** A virsh that a killed host agent left may yet start the domain whose XML is at `xml`: until it ends nothing is known. */
  async awaitVirsh(name: string, xml: string): Promise<void> {
    const ended = await until(this.#host, virshEndsWithinMs, async () => !isVirshBusyWith(xml));
    if (!ended) throw new HostAgentError('failed', `domain ${name}: an earlier start of it has not ended`);
  }

  /** Ends a domain: by its power button, by force after `limitMs`. Resolves when no QEMU of it runs on this host. */
  async end(name: string, xml: string, limitMs: number): Promise<void> {
    await this.awaitVirsh(name, xml);
    if (limitMs > 0 && this.processes().has(name)) await this.#shutDown(name, limitMs);
    if (await this.#virsh.answers()) await this.#virsh.destroy(name);
    await this.kill(name);
  }

  /** Ends what of a domain runs without libvirtd's knowledge, and waits until nothing does. */
  async kill(name: string): Promise<void> {
    const isDead = async () => {
      const pids = this.processes().get(name) ?? [];
      for (const pid of pids) this.#host.commands.signal(pid, 'SIGKILL');
      return pids.length === 0;
    };
    if (await until(this.#host, deadWithinMs, isDead)) return;
    throw new HostAgentError('failed', `domain ${name}: its QEMU does not end`);
  }

  async #shutDown(name: string, limitMs: number): Promise<void> {
    try {
      await this.#libvirtd.ensure();
      await this.#virsh.pressPowerButton(name);
      await until(this.#host, limitMs, async () => !this.processes().has(name));
    } catch (error) {
      this.#host.log.warn('a machine could not be asked to end; it is ended at once', { name, error });
    }
  }
}
