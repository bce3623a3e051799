// Keeps guests away from the host's own services. What stands behind a bridge that the host agent made may be answered by
// the host and may ping the address that the host has there; everything else that it sends to an address of the host,
// whichever, is dropped. What stands on the control network may answer the host and knock at the door of consoles, which
// nobody else may, and nothing else: no ping, no way through the host to anywhere. An admin's bridge is the admin's to guard.
import { consoleDoorPort } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import type { Ipv4Address } from '@isthmus/net';
import { KeyedLock } from '../keyed-lock.ts';
import { controlBridgeName, isBridgeOf } from './names.ts';

function chainOf(installation: string): string {
  return `ith-${installation}-input`;
}

/**
 * The rules, as iptables-save(8) writes them. They return rather than accept: the host's own firewall has its say after
 * them. By `limit-iface-in` ping and knock are for an address of the bridge they came in by.
 */
function chainRules(installation: string): string[] {
  const chain = `-A ${chainOf(installation)}`;
  const door = `-i ${controlBridgeName(installation)} -p tcp -m tcp --dport ${consoleDoorPort}`;
  return [
    `${chain} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    `${chain} -i ${installation}p+ -p icmp -m icmp --icmp-type 8 -m addrtype --dst-type LOCAL --limit-iface-in -j RETURN`,
    `${chain} ${door} -m addrtype --dst-type LOCAL --limit-iface-in -j RETURN`,
    `${chain} -j DROP`,
  ];
}

/** Of a rule that keeps everybody else from the door, after its address. */
function besidesControl(installation: string): string {
  return `! -i ${controlBridgeName(installation)} -p tcp -m tcp --dport ${consoleDoorPort} -j DROP`;
}

/**
 * The ways into the chain, from public bridges, the control network, and from guest bridges: the host has no address on
 * a guest bridge, and yet would take in, by the weak host model, what comes there for any of its addresses. Nothing is
 * forwarded from or to the control network. `door`: the host's address on it.
 */
function entries(installation: string, door: Ipv4Address | null): string[] {
  const control = controlBridgeName(installation);
  return [
    ...(door === null ? [] : [`INPUT -d ${door}/32 ${besidesControl(installation)}`]),
    ...[`${installation}p+`, `${installation}n+`, control].map(
      (from) => `INPUT -i ${from} -j ${chainOf(installation)}`,
    ),
    `FORWARD -i ${control} -j DROP`,
    `FORWARD -o ${control} -j DROP`,
  ];
}

/** What of it is in force, from the text of iptables-save. */
function readSaved(installation: string, door: Ipv4Address | null, saved: string) {
  const lines = saved.split('\n');
  const wanted = entries(installation, door);
  const isDoor = (line: string) => line.startsWith('-A INPUT -d ') && line.endsWith(besidesControl(installation));
  // Also those of an address that the control network had once.
  const doors = lines.filter(isDoor).map((line) => line.slice('-A '.length));
  const chain = chainOf(installation);
  const rules = lines.filter((line) => line.startsWith(`-A ${chain} `));
  const entered = [...new Set([...doors, ...wanted])].filter((entry) => lines.includes(`-A ${entry}`));
  return {
    hasChain: lines.some((line) => line.startsWith(`:${chain} `)),
    hasRules: rules.join('\n') === chainRules(installation).join('\n'),
    entered,
    missing: wanted.filter((entry) => !entered.includes(entry)),
  };
}

/** The rules of one installation in the host's filter INPUT, there as long as it has bridges. Others' rules are left alone. */
export class InputGuard {
  readonly #commands: CommandRunner;
  readonly #installation: string;
  readonly #bridges = new Set<string>();
  readonly #turns = new KeyedLock();
  #door: Ipv4Address | null = null;

  constructor(commands: CommandRunner, installation: string) {
    this.#commands = commands;
    this.#installation = installation;
  }

  /**
   * Brings the kernel to what these bridges need, whatever was there. Bridges of an admin are passed over. `door`: the host's
   * address on the control network, where it has one.
   */
  async load(bridges: readonly string[], door: Ipv4Address | null = null): Promise<void> {
    this.#door = door;
    for (const bridge of bridges) if (this.#isOwn(bridge)) this.#bridges.add(bridge);
    await this.#turns.run('input', () => this.#bring());
  }

  /** To be called before the bridge is made: it resolves when the rules are in force. `door` as of `load`. */
  async add(bridge: string, door: Ipv4Address | null = null): Promise<void> {
    if (!this.#isOwn(bridge)) return;
    const isKnown = () => this.#bridges.has(bridge) && (door === null || door === this.#door);
    if (isKnown()) return;
    await this.#turns.run('input', async () => {
      if (isKnown()) return;
      const isDoorKnown = door === null || door === this.#door;
      this.#bridges.add(bridge);
      this.#door = door ?? this.#door;
      if (this.#bridges.size > 1 && isDoorKnown) return;
      await this.#bring().catch((error: unknown) => {
        this.#bridges.delete(bridge);
        throw error;
      });
    });
  }

  /** To be called when the bridge is gone. */
  async remove(bridge: string): Promise<void> {
    await this.#turns.run('input', async () => {
      if (this.#bridges.delete(bridge) && this.#bridges.size === 0) await this.#bring();
    });
  }

  /** Puts back what someone else removed or changed. */
  async heal(): Promise<void> {
    await this.#turns.run('input', async () => {
      if (this.#bridges.size > 0) await this.#bring();
    });
  }

  /** Removes everything that this installation has in iptables of the host. */
  async removeAll(): Promise<void> {
    this.#bridges.clear();
    await this.#turns.run('input', () => this.#bring());
  }

  #isOwn(bridge: string): boolean {
    return isBridgeOf(this.#installation, bridge);
  }

  async #bring(): Promise<void> {
    const { stdout } = await this.#commands.run('iptables-save', ['-t', 'filter']);
    const lines = this.#bridges.size > 0 ? this.#addition(stdout) : this.#removal(stdout);
    if (lines.length === 0) return;
    const input = ['*filter', ...lines, 'COMMIT', ''].join('\n');
    await this.#commands.run('iptables-restore', ['--noflush'], { input });
  }

  #addition(saved: string): string[] {
    const { hasRules, missing } = readSaved(this.#installation, this.#door, saved);
    // Naming the chain empties it, in the same transaction as the rules that follow.
    const chain = hasRules ? [] : [`:${chainOf(this.#installation)} - [0:0]`, ...chainRules(this.#installation)];
    // First of all rules: one that lets the world in to a service of the host is not meant for guests.
    return [...chain, ...missing.map((entry) => `-I ${entry}`)];
  }

  #removal(saved: string): string[] {
    const { hasChain, entered } = readSaved(this.#installation, this.#door, saved);
    const chain = chainOf(this.#installation);
    return [...entered.map((entry) => `-D ${entry}`), ...(hasChain ? [`-F ${chain}`, `-X ${chain}`] : [])];
  }
}
