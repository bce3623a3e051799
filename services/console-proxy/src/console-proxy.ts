// The console proxy as its agent sees it: it takes documents and the orchestrators' words, and tells of its sessions.
import type { ConsoleMode, ConsoleProxyDocument, ConsoleReason, ConsoleReport, ConsoleViewer } from '@isthmus/contract';
import { type Opened, Opening } from './session/opening.ts';
import { Over, viewerEndOf } from './session/over.ts';
import type { ConsoleProxyParts } from './session/ports.ts';
import { aliveSeconds, Session } from './session/session.ts';
import type { Viewer } from './session/viewer.ts';
import type { PendingConnection } from './web/admission.ts';
import { Front } from './web/front.ts';

/** Load and sessions; whether the proxy is healthy is for others to say. */
export type ConsoleLoad = Omit<ConsoleReport, 'kind' | 'healthy'>;

/** Between two looks at what is late. */
const sweepMs = 500;

/** Serves nobody before its first document. */
export class ConsoleProxy {
  readonly #parts: ConsoleProxyParts;
  readonly #front: Front;
  readonly #openings = new Set<Opening>();
  readonly #sessions = new Map<string, Session>();
  readonly #closed = new AbortController();
  #document: ConsoleProxyDocument | null = null;

  constructor(parts: ConsoleProxyParts) {
    this.#parts = parts;
    this.#front = new Front(parts, (viewer, pending) => void this.#arrive(viewer, pending));
    void this.#sweepOnAndOn();
  }

  /**
   * Serves by this document from now on; sessions that are open go on, whatever changes. One call at a time. Throws
   * ListenError where the address or port cannot be had, and Error where the certificate or its key is none; then nothing
   * has changed.
   */
  async use(document: ConsoleProxyDocument): Promise<void> {
    await this.#front.use(document);
    this.#document = document;
  }

  /** Ends a session; its page is told. No error where there is none. */
  end(session: string, reason: ConsoleReason, message: string): void {
    const over = new Over(reason, message);
    for (const opening of this.#openings) {
      if (opening.session !== session) continue;
      this.#openings.delete(opening);
      opening.stop(over);
    }
    this.#sessions.get(session)?.end(over);
    this.#forget(session, over);
  }

  /** Who has the console of a session, and what that session may do from now on. No error where there is none. */
  viewers(session: string, mode: ConsoleMode, viewers: readonly ConsoleViewer[]): void {
    this.#sessions.get(session)?.use(mode, viewers);
  }

  /** Sessions that are being opened are in it as well, once they have a name. */
  report(): ConsoleLoad {
    const named = [...this.#openings].filter(({ isOwn }) => !isOwn).flatMap(({ session }) => session ?? []);
    const opening = new Set(named.filter((session) => !this.#sessions.has(session)));
    return {
      sessions: [
        ...[...this.#sessions.values()].filter(({ isOwn }) => !isOwn).map((session) => session.report()),
        ...[...opening].map((session) => ({ session, idleSeconds: 0, bytesToClient: 0, bytesToTarget: 0 })),
      ],
      pending: this.#front.pending,
      memoryBytes: process.memoryUsage.rss(),
    };
  }

  /** Ends every session as `moved`, so that pages come back through another proxy, and serves nobody any more. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#front.close();
    this.#document = null;
    const over = new Over('moved', 'The console proxy was stopped.');
    for (const opening of this.#openings) opening.stop(over);
    for (const session of this.#sessions.values()) session.end(over);
    this.#sessions.clear();
  }

  async #sweepOnAndOn(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await this.#parts.host.clock.sleep(sweepMs, signal).catch(() => {});
      this.#front.sweep();
      const limits = this.#document?.limits;
      if (limits !== undefined) for (const session of [...this.#sessions.values()]) session.sweep(limits);
    }
  }

  async #arrive(viewer: Viewer, pending: PendingConnection): Promise<void> {
    const refusal = pending.isOwn ? null : this.#refusal();
    if (refusal !== null) {
      viewer.end(viewerEndOf(refusal, false));
      this.#log(refusal, { peer: viewer.address });
      return;
    }
    const { directory, openDoor } = this.#parts;
    const opening = new Opening(viewer, pending, { directory, openDoor });
    this.#openings.add(opening);
    try {
      const opened = await opening.run();
      this.#openings.delete(opening);
      pending.settle();
      this.#begin(viewer, opened, pending.isOwn);
    } catch (error) {
      if (!(error instanceof Over)) throw error;
      const { session } = opening;
      if (error.reason === 'ticket' && !pending.isOwn) this.#front.guessed(viewer.address);
      this.#log(error, { peer: viewer.address, ...(session === null ? {} : { session }) });
      const wasEnded = !this.#openings.delete(opening);
      const isTold = session !== null && !wasEnded && !pending.isOwn && !this.#sessions.has(session);
      if (isTold) this.#parts.ended(session, error.reason);
    }
  }

  /** Before a ticket is spent. */
  #refusal(): Over | null {
    const document = this.#document;
    if (document === null || document.draining) {
      return new Over('draining', 'This console proxy opens no consoles any more.');
    }
    const counted = [...this.#sessions.values(), ...this.#openings].filter(({ isOwn }) => !isOwn);
    const isFull = counted.length >= document.limits.sessions;
    return isFull ? new Over('limit', 'This console proxy has no room.') : null;
  }

  #begin(viewer: Viewer, { opening, stream, serverInit }: Opened, isOwn: boolean): void {
    const { host, directory } = this.#parts;
    // A page that came back to its session through the same proxy.
    this.#sessions.get(opening.session)?.end(new Over('moved', 'The console was opened again.'));
    const { session, machine, console, mode, viewers, resume } = opening;
    viewer.notice({ type: 'opened', session, machine, console, mode, viewers, resume, aliveSeconds });
    const over = (why: Over) => {
      this.#forget(session, why);
      if (!isOwn) this.#parts.ended(session, why.reason);
    };
    const begun = new Session({ viewer, stream, serverInit, opening, isOwn, clock: host.clock, directory, over });
    this.#sessions.set(session, begun);
    host.log.info('a console was opened', { session, console, mode, peer: viewer.address });
    begun.start();
  }

  #forget(session: string, over: Over): void {
    if (this.#sessions.delete(session)) this.#log(over, { session });
  }

  #log({ reason, detail }: Over, fields: Readonly<Record<string, string>>): void {
    const message = fields.session === undefined ? 'a console was refused' : 'a console has ended';
    this.#parts.host.log.info(message, { ...fields, reason, ...(detail === undefined ? {} : { detail }) });
  }
}
