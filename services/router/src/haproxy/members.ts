// Members that come, go and drain while HAProxy runs: by its runtime API, with no reload.
import {
  type ProxyConfig,
  type RuntimeCommand,
  runtime,
  type ServerConfig,
  type ServerRef,
  serverAdded,
  serverDeleted,
} from '@isthmus/haproxy-config';
import type { Clock } from '@isthmus/host';
import { type HaproxyDaemon, HaproxyError } from './daemon.ts';
import type { ProxyChange } from './proxies.ts';

/** A change of members, and no other change of a proxy. */
interface MemberStep {
  readonly proxy: ProxyConfig;
  readonly added: readonly ServerConfig[];
  readonly changed: readonly ServerConfig[];
  readonly removed: readonly ServerConfig[];
}

/** True where a running server can be made the other one. */
function isSameKind(a: ServerConfig, b: ServerConfig): boolean {
  return (
    a.port === b.port && a.proxyProtocol === b.proxyProtocol && JSON.stringify(a.check) === JSON.stringify(b.check)
  );
}

/** What a change needs while HAProxy runs; null where it needs a reload. */
export function memberStep({ before, after }: ProxyChange): MemberStep | null {
  if (before === null || after === null || before.head !== after.head) return null;
  const old = new Map(before.proxy.servers.map((server) => [server.name, server]));
  const names = new Set(after.proxy.servers.map(({ name }) => name));
  const added: ServerConfig[] = [];
  const changed: ServerConfig[] = [];
  for (const server of after.proxy.servers) {
    const was = old.get(server.name);
    if (was === undefined) added.push(server);
    else if (!isSameKind(was, server)) return null;
    else if (was.address !== server.address || was.weight !== server.weight) changed.push(server);
  }
  return { proxy: after.proxy, added, changed, removed: before.proxy.servers.filter(({ name }) => !names.has(name)) };
}

/** Members that were taken out and still have connections. They get none, and are deleted when the last one ends. */
export class LeavingMembers {
  readonly #leaving = new Map<string, { readonly ref: ServerRef; readonly sinceMs: number }>();
  readonly #daemon: HaproxyDaemon;
  readonly #clock: Clock;

  constructor(daemon: HaproxyDaemon, clock: Clock) {
    this.#daemon = daemon;
    this.#clock = clock;
  }

  get size(): number {
    return this.#leaving.size;
  }

  /** After a reload: the new worker never knew them, and the old one keeps their connections. */
  clear(): void {
    this.#leaving.clear();
  }

  /** Makes the running HAProxy take a step. Throws HaproxyError where it refuses. */
  async take({ proxy, added, changed, removed }: MemberStep): Promise<void> {
    for (const server of added) await this.#add(proxy, server);
    for (const server of changed) await this.#quietly(this.#setting(proxy, server));
    for (const { name } of removed) await this.#remove({ proxy: proxy.name, server: name });
  }

  #setting(proxy: ProxyConfig, server: ServerConfig): RuntimeCommand[] {
    const ref = { proxy: proxy.name, server: server.name };
    return [runtime.setAddress(ref, server.address, server.port), runtime.setWeight(ref, server.weight)];
  }

  async #add(proxy: ProxyConfig, server: ServerConfig): Promise<void> {
    const ref = { proxy: proxy.name, server: server.name };
    const isBack = this.#leaving.delete(`${ref.proxy}/${ref.server}`);
    await this.#quietly([
      ...(isBack ? this.#setting(proxy, server) : [runtime.addServer(proxy.name, server)]),
      ...(server.check === null || isBack ? [] : [runtime.enableHealth(ref)]),
      ...(proxy.stickiness?.kind === 'cookie' ? [runtime.enableDynamicCookie(proxy.name)] : []),
      runtime.setState(ref, 'ready'),
    ]);
  }

  async #remove(ref: ServerRef): Promise<void> {
    await this.#quietly([runtime.setState(ref, 'maint')]);
    this.#leaving.set(`${ref.proxy}/${ref.server}`, { ref, sinceMs: this.#clock.monotonicMs() });
    await this.#delete(ref);
  }

  async #delete(ref: ServerRef): Promise<void> {
    const answer = await this.#daemon.tell([runtime.deleteServer(ref)]);
    const isGone = answer.includes(serverDeleted) || answer.some((line) => line.startsWith('No such server'));
    if (isGone) this.#leaving.delete(`${ref.proxy}/${ref.server}`);
  }

  /** Deletes those that have no connection any more, and ends the connections of those that have had their time. */
  async settle(hardStopAfterMs: number): Promise<void> {
    for (const { ref, sinceMs } of [...this.#leaving.values()]) {
      const isOver = this.#clock.monotonicMs() - sinceMs > hardStopAfterMs;
      if (isOver) await this.#daemon.tell([runtime.shutdownSessions(ref)]);
      await this.#delete(ref);
    }
  }

  /** Runs commands that have nothing to say where they went well, save that a server was registered or has a new address. */
  async #quietly(commands: readonly RuntimeCommand[]): Promise<void> {
    const answer = await this.#daemon.tell(commands);
    const complaints = answer.filter((line) => line !== serverAdded && !isAddressReport(line));
    if (complaints.length > 0) {
      throw new HaproxyError(`haproxy refused ${commands[0]?.text ?? 'a command'}`, complaints.join('\n'));
    }
  }
}

/** What `set server … addr` says where it went well. */
function isAddressReport(line: string): boolean {
  return /^(?:IP changed from|no need to change|port changed from|nothing changed)/.test(line);
}
