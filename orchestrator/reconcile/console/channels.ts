// The channels of this orchestrator: one to every console proxy that runs.
import type { OrchestratorMessage, ProxyMessage } from '@isthmus/contract';
import type { WebSocket } from 'ws';
import type { Log } from '../../store/log.ts';
import { ConsoleChannel } from './channel.ts';

/** A proxy that runs, and where. */
export interface RunningProxy {
  readonly id: string;
  readonly host_id: string | null;
}

export interface ChannelsOptions {
  readonly log: Log;
  readonly open: (proxy: RunningProxy) => Promise<WebSocket>;
  readonly heed: (proxyId: string, message: ProxyMessage) => Promise<readonly OrchestratorMessage[]>;
}

export class ConsoleChannels {
  readonly #options: ChannelsOptions;
  readonly #channels = new Map<string, { readonly hostId: string | null; readonly channel: ConsoleChannel }>();

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  /** Opens a channel to each of these, and closes those to any other. */
  keep(proxies: readonly RunningProxy[]): void {
    const wanted = new Map(proxies.map((proxy) => [proxy.id, proxy]));
    for (const [id, { hostId, channel }] of this.#channels) {
      if (wanted.get(id)?.host_id === hostId) continue;
      channel.close();
      this.#channels.delete(id);
    }
    for (const proxy of proxies) {
      if (this.#channels.has(proxy.id)) continue;
      const { log, open, heed } = this.#options;
      const channel = new ConsoleChannel({
        proxyId: proxy.id,
        open: () => open(proxy),
        heed: (message) => heed(proxy.id, message),
        log,
      });
      this.#channels.set(proxy.id, { hostId: proxy.host_id, channel });
    }
  }

  isOpen(proxyId: string): boolean {
    return this.#channels.get(proxyId)?.channel.isOpen ?? false;
  }

  send(proxyId: string, message: OrchestratorMessage): void {
    this.#channels.get(proxyId)?.channel.send(message);
  }

  close(): void {
    this.keep([]);
  }
}
