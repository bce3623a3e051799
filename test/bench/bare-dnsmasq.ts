// The floor of a DHCP host: a dnsmasq with nothing in front of it, its hosts in a base file and a live directory.
import { createNamespaceHost, type Host } from '@isthmus/host';
import type { Lab } from '../lab/index.ts';
import { addNamespace } from '../lab/network.ts';
import { dhcpHost } from '../lab/router-document.ts';
import { type DhcpClients, startDhcpClients } from './dhcp-clients.ts';

function hostLine(number: number): string {
  const { macAddress, address, hostname } = dhcpHost(number);
  return `${macAddress},${address},${hostname}\n`;
}

function nameLine(number: number): string {
  const { address, hostname } = dhcpHost(number);
  return `${address} ${hostname}.cs1.internal ${hostname}\n`;
}

export class BareDnsmasq {
  readonly #lab: Lab;
  readonly #clients: DhcpClients;
  readonly #directory: string;
  readonly #pid: number;
  readonly #n: number;

  private constructor(
    lab: Lab,
    clients: DhcpClients,
    daemon: { directory: string; pid: number; n: number; guest: Host },
  ) {
    this.guest = daemon.guest;
    this.#lab = lab;
    this.#clients = clients;
    this.#directory = daemon.directory;
    this.#pid = daemon.pid;
    this.#n = daemon.n;
  }

  /** Where its clients are; it is at 10.1.1.1 there. */
  readonly guest: Host;

  /**
   * Starts one with the first `n` hosts and their names, in namespaces of its own, and waits until it answers. `leases`: the
   * text of its lease file.
   */
  static async start(lab: Lab, n: number, leases = ''): Promise<BareDnsmasq> {
    const [server, guest] = [`lab-${lab.installation}-bare`, `lab-${lab.installation}-bareguest`];
    for (const name of [server, guest]) await addNamespace(lab.machine, name);
    const { commands, files } = lab.machine;
    const veth = [
      'link',
      'add',
      'name',
      'eth0',
      'netns',
      server,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      guest,
    ];
    await commands.run('ip', veth);
    for (const name of [server, guest]) {
      await commands.run('ip', ['-netns', name, 'link', 'set', 'dev', 'eth0', 'up']);
    }
    await commands.run('ip', ['-netns', server, 'address', 'add', '10.1.1.1/16', 'dev', 'eth0']);
    const directory = `${lab.run}/bare`;
    for (const path of [directory, `${directory}/live`]) await files.makeDirectory(path, { mode: 0o755 });
    await files.writeText(`${directory}/hosts`, Array.from({ length: n }, (_, number) => hostLine(number)).join(''));
    await files.writeText(`${directory}/names`, Array.from({ length: n }, (_, number) => nameLine(number)).join(''));
    await files.writeText(`${directory}/leases`, leases);
    const where = ['--interface=eth0', '--bind-dynamic', '--dhcp-range=10.1.0.0,static,255.255.0.0'];
    const hosts = [`--dhcp-hostsfile=${directory}/hosts`, `--dhcp-hostsdir=${directory}/live`];
    const rest = [
      `--dhcp-leasefile=${directory}/leases`,
      `--addn-hosts=${directory}/names`,
      '--dhcp-lease-max=65536',
      '--no-resolv',
      '--no-hosts',
      '--user=root',
      '--pid-file=',
    ];
    const args = ['--keep-in-foreground', '--conf-file=/dev/null', ...where, ...hosts, ...rest];
    const { pid } = await lab.startDaemon(createNamespaceHost(lab.machine, server), 'dnsmasq', args);
    const guestHost = createNamespaceHost(lab.machine, guest);
    const clients = await startDhcpClients(lab, guestHost, 'bare-clients');
    await clients.offer(dhcpHost(0).macAddress);
    return new BareDnsmasq(lab, clients, { directory, pid, n, guest: guestHost });
  }

  /** Writes a file with one host and waits until that host is offered its address. */
  async add(number: number): Promise<void> {
    const offer = this.#clients.offer(dhcpHost(number).macAddress);
    await this.#lab.machine.files.writeText(`${this.#directory}/live/${number}`, hostLine(number));
    await offer;
  }

  /** Takes the file away and waits until dnsmasq has read all again and answers another host. */
  async remove(number: number): Promise<void> {
    await this.#lab.machine.files.remove(`${this.#directory}/live/${number}`);
    this.#lab.machine.commands.signal(this.#pid, 'SIGHUP');
    await this.#clients.offer(dhcpHost(number % this.#n).macAddress);
  }
}
