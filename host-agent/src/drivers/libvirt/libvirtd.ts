// libvirtd of this host: the one that answers, else the one that systemd starts, else one that is started by hand, on
// machines without systemd (containers and small labs).
import type { Host } from '@isthmus/host';
import { HostAgentError } from '../../errors.ts';
import { KeyedLock } from '../../keyed-lock.ts';
import type { Virsh } from './virsh.ts';

const startMs = 60_000;

const begin = '# BEGIN isthmus: this machine has no systemd';
const end = '# END isthmus';
/** Control groups are systemd's to hand out, and the security drivers need their daemons; neither is on such a machine. */
const settings = `${begin}\ncgroup_controllers = []\nsecurity_driver = "none"\n${end}\n`;
const block = new RegExp(`${begin}\n[^]*?${end}\n`);

const directory = '/run/libvirt/isthmus';
const qemuConf = '/etc/libvirt/qemu.conf';

/** The daemons, in the order in which they start. All that they keep open stands below /run/libvirt. */
const daemons = [
  // What a guest writes on its serial console is kept to half a megabyte and one older piece of that size.
  { name: 'virtlogd', conf: 'log_level = 4\nmax_size = 524288\nmax_backups = 1\n' },
  // Root alone may speak to it: there is no polkit to ask about others.
  {
    name: 'libvirtd',
    conf: 'log_level = 4\nunix_sock_group = "root"\nunix_sock_rw_perms = "0700"\nauth_unix_rw = "none"\n',
  },
] as const;

type Daemon = (typeof daemons)[number];

function pathOf({ name }: Daemon, kind: 'conf' | 'pid' | 'log'): string {
  return `${directory}/${name}.${kind}`;
}

/** The libvirtd that this host's VMs run under. */
export class Libvirtd {
  readonly #host: Host;
  readonly #virsh: Virsh;
  readonly #turns = new KeyedLock();

  constructor(host: Host, virsh: Virsh) {
    this.#host = host;
    this.#virsh = virsh;
  }

  /** Resolves when it answers; starts it where it does not run. Throws HostAgentError (`failed`) where it will not. */
  ensure(): Promise<void> {
    return this.#turns.run('libvirtd', async () => {
      if (await this.#virsh.answers()) return;
      this.#host.log.warn('libvirtd does not answer; starting it');
      try {
        await ((await this.#hasSystemd()) ? this.#startBySystemd() : this.#startByHand());
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        throw new HostAgentError('failed', 'libvirtd does not run and could not be started', { cause: error, detail });
      }
      await this.#awaitAnswer();
    });
  }

  /** Ends what was started by hand, and takes back the settings, unless domains run. */
  stop(): Promise<void> {
    return this.#turns.run('libvirtd', async () => {
      const { commands, files } = this.#host;
      const pids = await Promise.all(daemons.map(async (daemon) => [daemon, await this.#runningPid(daemon)] as const));
      const own = pids.flatMap(([daemon, pid]) => (pid === null ? [] : [{ daemon, pid }]));
      if (own.some(({ daemon }) => daemon.name === 'libvirtd')) {
        const names = await this.#virsh.names().catch(() => []);
        if (names.length > 0) return;
      }
      for (const { daemon, pid } of own.reverse()) {
        commands.signal(pid, 'SIGTERM');
        const limit = this.#host.clock.monotonicMs() + 10_000;
        while (await commands.isRunning(pid, daemon.name)) {
          if (this.#host.clock.monotonicMs() > limit) commands.signal(pid, 'SIGKILL');
          await this.#host.clock.sleep(50);
        }
      }
      if (!(await files.exists(directory))) return;
      await files.remove(directory);
      const conf = await files.readTextIfExists(qemuConf);
      if (conf?.includes(begin)) await files.writeText(qemuConf, conf.replace(block, ''), { mode: 0o600 });
    });
  }

  #hasSystemd(): Promise<boolean> {
    return this.#host.files.exists('/run/systemd/system');
  }

  async #startBySystemd(): Promise<void> {
    await this.#host.commands.run('systemctl', ['start', 'virtlogd.socket', 'libvirtd.service'], {
      timeoutMs: startMs,
    });
  }

  async #startByHand(): Promise<void> {
    const { files } = this.#host;
    await files.makeDirectory(directory, { mode: 0o700 });
    for (const path of ['/etc/libvirt', '/var/log/libvirt/qemu', '/var/cache/libvirt']) await files.makeDirectory(path);
    await this.#configureQemu();
    await this.#shareKvm();
    for (const daemon of daemons) await this.#startDaemon(daemon);
  }

  async #configureQemu(): Promise<void> {
    const { files } = this.#host;
    const conf = (await files.readTextIfExists(qemuConf)) ?? '';
    if (conf.includes(settings)) return;
    const others = conf.replace(block, '');
    await files.writeText(qemuConf, `${others}${others === '' || others.endsWith('\n') ? '' : '\n'}${settings}`, {
      mode: 0o600,
    });
  }

  /**
   * As udev does where it runs (50-udev-default.rules). libvirtd asks QEMU what it can do with rights that QEMU has not
   * later, and throws the answer away, over and over, where the two differ: a start then takes more than a minute.
   */
  async #shareKvm(): Promise<void> {
    const { commands, files } = this.#host;
    if (!(await files.exists('/dev/kvm'))) return;
    await commands.run('chown', ['root:kvm', '/dev/kvm']);
    await commands.run('chmod', ['0660', '/dev/kvm']);
  }

  async #startDaemon(daemon: Daemon): Promise<void> {
    const { commands, files } = this.#host;
    if ((await this.#runningPid(daemon)) !== null) return;
    await files.writeText(pathOf(daemon, 'conf'), daemon.conf);
    await files.remove(pathOf(daemon, 'log'));
    const args = ['--config', pathOf(daemon, 'conf'), '--pid-file', `/run/libvirt/${daemon.name}.pid`];
    const pid = await commands.startDaemon(daemon.name, args, { logPath: pathOf(daemon, 'log') });
    await files.writeText(pathOf(daemon, 'pid'), `${pid}\n`);
  }

  /** The process of a daemon that was started here; null where it is gone. */
  async #runningPid(daemon: Daemon): Promise<number | null> {
    const pid = Number((await this.#host.files.readTextIfExists(pathOf(daemon, 'pid'))) ?? 'none');
    if (!Number.isInteger(pid) || pid < 2) return null;
    return (await this.#host.commands.isRunning(pid, daemon.name)) ? pid : null;
  }

  async #awaitAnswer(): Promise<void> {
    const { clock } = this.#host;
    const limit = clock.monotonicMs() + startMs;
    while (!(await this.#virsh.answers())) {
      if (clock.monotonicMs() > limit) {
        throw new HostAgentError('failed', `libvirtd was started and does not answer after ${startMs / 1000} s`);
      }
      await clock.sleep(100);
    }
  }
}
