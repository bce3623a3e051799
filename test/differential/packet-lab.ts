// A client, a router and a server in namespaces, mute but for the packets that a test sends, and the router's own account
// of what its rules did with them.
import { fileURLToPath } from 'node:url';
import {
  type IpSet,
  type Packet,
  type RuleSet,
  renderIpSet,
  renderRuleSet,
  type TableName,
} from '@isthmus/iptables-ts';
import type { ExecutionContext } from 'ava';
import { connect, type ScratchNamespace, scratchNamespace } from './scratch-namespace.ts';

/** Packets that each rule matched, by `TABLE CHAIN INDEX`; rules that matched none are left out. */
export type Counters = ReadonlyMap<string, number>;

/** How a connection's packets are answered, as conntrack tells it. */
export interface TrackedFlow {
  readonly replySource: string;
  readonly replyDestination: string;
  readonly replySourcePort: number | null;
}

const sender = fileURLToPath(new URL('send-packet.pl', import.meta.url));

/**
 * The router's addresses: 192.0.2.0/24 is the client's side (eth2), 10.9.0.0/24 the server's (eth0). The other two have
 * none, so that a packet from and to any address leaves them for the router.
 */
export const routerAddresses: readonly string[] = ['192.0.2.1', '192.0.2.10', '10.9.0.1'];

export class PacketLab {
  readonly #router: ScratchNamespace;
  readonly #sides: { readonly eth0: ScratchNamespace; readonly eth2: ScratchNamespace };
  #counted: Counters = new Map();

  private constructor(router: ScratchNamespace, client: ScratchNamespace, server: ScratchNamespace) {
    this.#router = router;
    this.#sides = { eth0: server, eth2: client };
  }

  static async create(t: ExecutionContext): Promise<PacketLab> {
    const [router, client, server] = [
      await scratchNamespace(t, 'r'),
      await scratchNamespace(t, 'c'),
      await scratchNamespace(t, 's'),
    ];
    const lab = new PacketLab(router, client, server);
    await connect({ namespace: client, name: 'eth0' }, { namespace: router, name: 'eth2', address: '192.0.2.1/24' });
    await connect({ namespace: server, name: 'eth0' }, { namespace: router, name: 'eth0', address: '10.9.0.1/24' });
    await router.commands.run('ip', ['addr', 'add', '192.0.2.10/24', 'dev', 'eth2']);
    const settings = ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0'];
    const eachInterface = ['eth0', 'eth2'].flatMap((name) => [
      `net.ipv4.conf.${name}.rp_filter=0`,
      `net.ipv4.conf.${name}.send_redirects=0`,
    ]);
    await router.commands.run('sysctl', ['-qw', ...settings, 'net.ipv4.conf.all.send_redirects=0', ...eachInterface]);
    await lab.#silence();
    return lab;
  }

  /** Nobody answers, asks for a hardware address, or says anything of its own. */
  async #silence(): Promise<void> {
    for (const [name, side] of Object.entries(this.#sides)) {
      const link = await this.#router.commands.run('ip', ['-br', 'link', 'show', 'dev', name]);
      const [, , mac = ''] = link.stdout.split(/\s+/);
      const gateway = name === 'eth0' ? '10.9.0.1' : '192.0.2.1';
      const mute = '*filter\n:INPUT DROP [0:0]\nCOMMIT\n';
      await side.commands.run('iptables-restore', [], { input: mute });
      await side.commands.run('ip', ['route', 'add', 'default', 'via', gateway, 'dev', 'eth0', 'onlink']);
      await side.commands.run('ip', ['neigh', 'replace', gateway, 'lladdr', mac, 'dev', 'eth0', 'nud', 'permanent']);
      await this.#router.commands.run('ip', ['link', 'set', name, 'arp', 'off']);
    }
  }

  /** Takes on a rule set and forgets every connection. */
  async load(ruleSet: RuleSet): Promise<void> {
    const { commands } = this.#router;
    await commands.run('iptables-restore', [], { input: renderRuleSet(ruleSet) });
    await commands.run('conntrack', ['-F']);
    this.#counted = await this.#counters();
  }

  /** Makes the sets that rules name; they stay over `load`. */
  async makeSets(sets: readonly IpSet[]): Promise<void> {
    await this.#router.commands.run('ipset', ['restore'], { input: sets.map(renderIpSet).join('') });
  }

  /** Sends a packet from the side that its `inInterface` names; `flags` of TCP as a number, SYN by default. */
  async send(packet: Packet, flags = 2): Promise<void> {
    const { source, destination, protocol } = packet;
    const fields =
      protocol === 'icmp'
        ? [packet.icmp?.type ?? 8, packet.icmp?.code ?? 0, packet.sourcePort ?? 1]
        : [packet.sourcePort ?? 0, packet.destinationPort ?? 0, flags];
    const side = packet.inInterface === 'eth0' ? this.#sides.eth0 : this.#sides.eth2;
    await side.commands.run('perl', [sender, source, destination, protocol, ...fields.map(String)]);
  }

  /** What rules matched since the last call. */
  async takeCounters(): Promise<Counters> {
    const now = await this.#counters();
    const since = [...now].map(([key, packets]): [string, number] => [key, packets - (this.#counted.get(key) ?? 0)]);
    this.#counted = now;
    return new Map(since.filter(([, packets]) => packets > 0));
  }

  async #counters(): Promise<Counters> {
    const { stdout } = await this.#router.commands.run('iptables-save', ['-c']);
    const counters = new Map<string, number>();
    const next = new Map<string, number>();
    let table: TableName | string = '';
    for (const line of stdout.split('\n')) {
      if (line.startsWith('*')) table = line.slice(1);
      const [, packets, chain] = /^\[(\d+):\d+\] -A (\S+) /.exec(line) ?? [];
      if (packets === undefined || chain === undefined) continue;
      const index = next.get(`${table} ${chain}`) ?? 0;
      next.set(`${table} ${chain}`, index + 1);
      counters.set(`${table} ${chain} ${index}`, Number(packets));
    }
    return counters;
  }

  /** The connection that a first packet made, or null where none was let through. ICMP by its `sourcePort` as id. */
  async flowOf({ source, destination, protocol, sourcePort, destinationPort }: Packet): Promise<TrackedFlow | null> {
    const ports =
      protocol === 'icmp'
        ? ['--icmp-id', String(sourcePort)]
        : ['--orig-port-src', String(sourcePort), '--orig-port-dst', String(destinationPort)];
    const list = ['-L', '-p', protocol, '--orig-src', source, '--orig-dst', destination, ...ports];
    const { stdout } = await this.#router.commands.run('conntrack', list);
    const [, reply] = /\bsrc=\S+ .*?\b(src=.*)$/m.exec(stdout) ?? [];
    if (reply === undefined) return null;
    const [, replySource = '', replyDestination = ''] = /^src=(\S+) dst=(\S+)/.exec(reply) ?? [];
    const [, port] = /\bsport=(\d+)/.exec(reply) ?? [];
    return { replySource, replyDestination, replySourcePort: port === undefined ? null : Number(port) };
  }
}
