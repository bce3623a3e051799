// The console proxy as its agent sees it: it takes documents and the orchestrators' words, and tells of its sessions.
import type { ConsoleMode, ConsoleProxyDocument, ConsoleReason, ConsoleReport, ConsoleViewer } from '@isthmus/contract';
import type { ConsoleProxyParts } from './session/ports.ts';

/** Load and sessions; whether the proxy is healthy is for others to say. */
export type ConsoleLoad = Omit<ConsoleReport, 'kind' | 'healthy'>;

/** Serves nobody before its first document. */
export class ConsoleProxy {
  readonly #parts: ConsoleProxyParts;

  constructor(parts: ConsoleProxyParts) {
    this.#parts = parts;
  }

  /**
   * Serves by this document from now on; sessions that are open go on, whatever changes. Throws ListenError where the
   * address or port cannot be had, and Error where the certificate or its key is none; then nothing has changed.
   */
  async use(document: ConsoleProxyDocument): Promise<void> {
    this.#parts.host.log.debug('a document is used', { port: document.port });
  }

  /** Ends a session; its page is told. No error where there is none. */
  end(_session: string, _reason: ConsoleReason, _message: string): void {}

  /** Who has the console of a session, and what that session may do from now on. No error where there is none. */
  viewers(_session: string, _mode: ConsoleMode, _viewers: readonly ConsoleViewer[]): void {}

  report(): ConsoleLoad {
    return { sessions: [], pending: 0, memoryBytes: process.memoryUsage.rss() };
  }

  /** Ends every session as `moved`, so that pages come back through another proxy, and serves nobody any more. */
  async close(): Promise<void> {}
}
