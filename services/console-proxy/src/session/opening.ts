// From a ticket to an open session: redeems it, lets the person choose where somebody else has the console, goes to the
// target and does the handshake there.
import type { Duplex } from 'node:stream';
import type { ConsoleAnswer, ConsoleOpening, PageMessage } from '@isthmus/contract';
import { RfbServerError } from '../rfb/byte-reader.ts';
import { openRfbServer } from '../rfb/server-handshake.ts';
import type { PendingConnection } from '../web/admission.ts';
import { connectTarget } from './connect-target.ts';
import { Over, viewerEndOf } from './over.ts';
import type { ConsoleDirectory, OpenDoor } from './ports.ts';
import type { Viewer } from './viewer.ts';

/** How long a person may think whether to watch or to take over. */
const chooseMs = 120_000;

/** A target that is ready, for a viewer that still is there. */
export interface Opened {
  readonly opening: ConsoleOpening;
  readonly stream: Duplex;
  readonly serverInit: Buffer | null;
}

/** What an opening needs. */
export interface OpeningParts {
  readonly directory: ConsoleDirectory;
  readonly openDoor: OpenDoor;
}

export class Opening {
  readonly #viewer: Viewer;
  readonly #pending: PendingConnection;
  readonly #parts: OpeningParts;
  readonly #abort = new AbortController();
  #session: string | null = null;
  /** What is told to a viewer whose time is over. */
  #late = new Over('closed', 'The page sent no ticket in time.');
  #awaited: ((message: PageMessage) => void) | null = null;

  constructor(viewer: Viewer, pending: PendingConnection, parts: OpeningParts) {
    this.#viewer = viewer;
    this.#pending = pending;
    this.#parts = parts;
  }

  /** Null: no orchestrator has named it yet. */
  get session(): string | null {
    return this.#session;
  }

  get isOwn(): boolean {
    return this.#pending.isOwn;
  }

  /** Ends it; `run` throws this. The viewer is told at once. */
  stop(over: Over): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(over);
    this.#viewer.end(viewerEndOf(over, false));
  }

  /** Throws Over, and then the viewer was told, and nothing is left open. */
  async run(): Promise<Opened> {
    this.#pending.whenLate = () => this.stop(this.#late);
    this.#viewer.listen({
      message: (message) => this.#message(message),
      bytes: () => this.stop(new Over('malformed', 'Bytes before the console was open.')),
      drained: () => {},
      over: (reason, words) => this.stop(new Over(reason, words)),
    });
    try {
      return await this.#open();
    } catch (error) {
      const over = error instanceof Over ? error : this.#unexpected(error);
      this.stop(over);
      throw over;
    }
  }

  async #open(): Promise<Opened> {
    const opening = await this.#redeem();
    this.#late = new Over('target', 'The console of the machine does not answer.');
    const { signal } = this.#abort;
    const raw = await connectTarget(opening.target, this.#parts.openDoor, signal);
    // Whoever works with it hears of errors too; without this one it would end the process in between.
    raw.on('error', () => {});
    try {
      signal.throwIfAborted();
      if (opening.console === 'serial') return { opening, stream: raw, serverInit: null };
      const { stream, serverInit } = await openRfbServer(raw, opening.security, signal);
      signal.throwIfAborted();
      return { opening, stream, serverInit };
    } catch (error) {
      raw.destroy();
      throw error;
    }
  }

  async #redeem(): Promise<ConsoleOpening> {
    const { plain, origin, address } = this.#viewer;
    const { ticket, extra } = plain ?? (await this.#ticket());
    this.#late = new Over('unavailable', 'No orchestrator answers.');
    const { directory } = this.#parts;
    const request = { ticket, extra, origin, clientAddress: address, plain: plain !== null };
    let answer = this.#heed(await directory.redeem(request));
    while (answer.state === 'choose') {
      const mode = plain === null ? await this.#choice(answer) : 'control';
      this.#late = new Over('unavailable', 'No orchestrator answers.');
      answer = this.#heed(await directory.choose(answer.session, mode));
    }
    return answer;
  }

  async #ticket(): Promise<{ ticket: string; extra: string | null }> {
    const message = await this.#next();
    if (message.type !== 'open') throw new Over('malformed', 'The page chose before it sent a ticket.');
    return { ticket: message.ticket, extra: message.extra ?? null };
  }

  async #choice({ viewers }: Extract<ConsoleAnswer, { state: 'choose' }>) {
    this.#viewer.notice({ type: 'choose', viewers });
    this.#late = new Over('closed', 'Nobody chose in time.');
    this.#pending.hold(chooseMs);
    const message = await this.#next();
    this.#pending.goOn();
    if (message.type !== 'choose') throw new Over('malformed', 'The page sent a ticket a second time.');
    return message.mode;
  }

  /** Also heeds that the viewer may have gone while the answer was on its way. */
  #heed(answer: ConsoleAnswer): Exclude<ConsoleAnswer, { state: 'refused' }> {
    if (answer.state === 'refused') throw new Over(answer.reason, answer.message);
    this.#session = answer.session;
    this.#abort.signal.throwIfAborted();
    return answer;
  }

  async #next(): Promise<PageMessage> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<PageMessage>();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    this.#awaited = resolve;
    return promise.finally(() => signal.removeEventListener('abort', onAbort));
  }

  #message(message: PageMessage): void {
    const awaited = this.#awaited;
    this.#awaited = null;
    if (awaited === null) this.stop(new Over('malformed', 'The page spoke out of turn.'));
    else awaited(message);
  }

  /** The way to the target, or the target, failed: the words of that are for the log. */
  #unexpected(error: unknown): Over {
    const detail = error instanceof Error ? error.message : String(error);
    const words =
      error instanceof RfbServerError
        ? 'The console of the machine could not be opened.'
        : 'The console of the machine cannot be reached.';
    return new Over('target', words, { detail, cause: error });
  }
}
