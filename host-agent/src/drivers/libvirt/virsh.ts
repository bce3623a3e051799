// libvirt through virsh(1). Domains are transient: one that does not run is not there.
import { CommandError, type CommandResult, type CommandRunner } from '@isthmus/host';
import { type FoundDomain, readDomain, readVncPassword } from './read-domain.ts';

/** A domain's state and why, in virsh's words, such as `running` and `booted`, or `paused` and `I/O error`. */
export interface DomainState {
  readonly state: string;
  readonly reason: string;
}

/** libvirtd gave no answer. */
export class LibvirtdDownError extends Error {
  constructor(options: ErrorOptions) {
    super('libvirtd does not answer', options);
    this.name = 'LibvirtdDownError';
  }
}

const answerMs = 30_000;
/** libvirtd asks QEMU at the first start what it can do, which takes many seconds on a machine with a slow KVM. */
const createMs = 180_000;

/** A guest that writes faster than the network carries is slowed down until it fits. */
const migrateMs = 3_600_000;

const isDown =
  /failed to connect to the hypervisor|Connection reset by peer|End of file while reading|Cannot recv data|client socket is closed|Cannot write data|keepalive/;
const isAbsent = /failed to get domain|Domain not found|domain is not running|no domain with matching/i;

export class Virsh {
  readonly #commands: CommandRunner;

  constructor(commands: CommandRunner) {
    this.#commands = commands;
  }

  /** True where libvirtd answers within `timeoutMs`. */
  async answers(timeoutMs = 10_000): Promise<boolean> {
    try {
      await this.#commands.run('virsh', ['--quiet', '--connect', 'qemu:///system', 'list', '--name'], { timeoutMs });
      return true;
    } catch (error) {
      if (error instanceof CommandError) return false;
      throw error;
    }
  }

  /** Every domain's name: all of this machine, also those of others. */
  async names(): Promise<string[]> {
    const { stdout } = await this.#run(['list', '--all', '--name']);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** Names of the domains that stand still in memory. */
  async pausedNames(): Promise<string[]> {
    const { stdout } = await this.#run(['list', '--state-paused', '--name']);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** Null where there is no such domain. */
  async state(name: string): Promise<DomainState | null> {
    const result = await this.#orAbsent(['domstate', name, '--reason']);
    const [, state, reason] = /^([a-z ]+?)(?: \((.*)\))?\s*$/.exec(result?.stdout ?? '') ?? [];
    return state === undefined ? null : { state, reason: reason ?? '' };
  }

  /** Null where there is no such domain. */
  async find(name: string): Promise<FoundDomain | null> {
    const result = await this.#orAbsent(['dumpxml', name]);
    return result === null ? null : readDomain(result.stdout);
  }

  /** The password of a domain's VNC server, null where it asks for none; undefined where there is no such domain. */
  async vncPassword(name: string): Promise<string | null | undefined> {
    const result = await this.#orAbsent(['dumpxml', name, '--security-info']);
    return result === null ? undefined : readVncPassword(result.stdout);
  }

  /** What the disks of a domain that is paused for an I/O error suffer from, such as `vda: no space`. */
  async diskErrors(name: string): Promise<string> {
    const result = await this.#orAbsent(['domblkerror', name]);
    return result?.stdout.trim().replaceAll('\n', ', ') ?? '';
  }

  /** Starts the domain whose XML is in a file. */
  async create(path: string): Promise<void> {
    await this.#run(['create', path], createMs);
  }

  /** Ends a domain at once. No error where there is none. */
  async destroy(name: string): Promise<void> {
    await this.#orAbsent(['destroy', name]);
  }

  /** Presses a domain's power button. No error where there is none. */
  async pressPowerButton(name: string): Promise<void> {
    await this.#orAbsent(['shutdown', name, '--mode', 'acpi']);
  }

  /** Moves a domain, by the arguments of `migrateArguments`. It runs at one end, whatever happens. */
  async migrate(args: readonly string[]): Promise<void> {
    await this.#run(args, migrateMs);
  }

  async resume(name: string): Promise<void> {
    await this.#run(['resume', name]);
  }

  /** Plugs in the device whose XML is in a file. */
  async attach(name: string, path: string): Promise<void> {
    await this.#run(['attach-device', name, path, '--live']);
  }

  /** Asks the guest to let go of a NIC: it is gone once `find` says so. */
  async detachNic(name: string, macAddress: string): Promise<void> {
    await this.#run(['detach-interface', name, 'ethernet', '--mac', macAddress, '--live']);
  }

  /** Puts an image into a drive, or takes out what is in it (null), also against the guest's lock. */
  async changeMedia(name: string, target: string, source: string | null): Promise<void> {
    const change = source === null ? ['--eject'] : [source, '--update'];
    await this.#run(['change-media', name, target, ...change, '--live', '--force']);
  }

  /** The user and group that QEMU runs as, as chown(1) takes them. */
  async qemuOwner(): Promise<string> {
    const { stdout } = await this.#run(['capabilities'], createMs);
    const [, user, group] = /<baselabel type='(?:kvm|qemu)'>\+(\d+):\+(\d+)<\/baselabel>/.exec(stdout) ?? [];
    return user === undefined || group === undefined ? '0:0' : `${user}:${group}`;
  }

  async #orAbsent(args: readonly string[]): Promise<CommandResult | null> {
    try {
      return await this.#run(args);
    } catch (error) {
      if (error instanceof CommandError && isAbsent.test(error.stderr)) return null;
      throw error;
    }
  }

  async #run(args: readonly string[], timeoutMs = answerMs): Promise<CommandResult> {
    try {
      return await this.#commands.run('virsh', ['--quiet', '--connect', 'qemu:///system', ...args], { timeoutMs });
    } catch (error) {
      if (error instanceof CommandError && isDown.test(error.stderr)) throw new LibvirtdDownError({ cause: error });
      throw error;
    }
  }
}
