// The document of the proxy: taken or refused, in force, on disk. A push that cannot be applied leaves the last good one.
import { messageOf, RefusedError, SerialQueue } from '@isthmus/agent/appliance';
import {
  type Acknowledgement,
  type ConsoleProxyDocument,
  type Identity,
  type Refusal,
  sameIdentity,
} from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { hasItsHash, readPush } from './check-push.ts';
import { loadDocument, type ServedDocument, type StoredDocument, saveDocument, servedOf } from './stored-document.ts';

/** Between two tries of a document that could not be applied at boot, such as before its NIC is there. */
const againMs = 2_000;

/** `apply` brings a document into force in place of the one before, which it may have left halfway. */
export interface DocumentEffects {
  apply(document: ConsoleProxyDocument): Promise<void>;
  /** Serves nobody: the document before did not come into force either, or there is none. */
  withdraw(): Promise<void>;
}

/** Who also hears of each document that has come into force and is on disk. */
export type DocumentListener = DocumentEffects & { inForce(identity: Identity): void };

export class ConsoleDocument {
  readonly #host: Host;
  readonly #path: string;
  readonly #effects: DocumentListener;
  readonly #queue = new SerialQueue();
  readonly #ended = new AbortController();
  #stored: StoredDocument;
  /** In force. */
  #serving: ServedDocument | null = null;
  #trouble: string | null = null;

  private constructor(host: Host, path: string, effects: DocumentListener, stored: StoredDocument) {
    this.#host = host;
    this.#path = path;
    this.#effects = effects;
    this.#stored = stored;
  }

  /** Keeps `document.json` in `directory`, which it makes. Applies nothing yet. */
  static async open(host: Host, directory: string, effects: DocumentListener): Promise<ConsoleDocument> {
    await host.files.makeDirectory(directory, { mode: 0o700 });
    const path = `${directory}/document.json`;
    return new ConsoleDocument(host, path, effects, await loadDocument(host.files, host.log, path));
  }

  /** Of the last good document, in force or not. */
  get stored(): Identity | null {
    return this.#stored.served?.identity ?? null;
  }

  get serving(): ServedDocument | null {
    return this.#serving;
  }

  /** Why what is on disk is not in force; null where nothing is wrong. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Applies what is on disk; where that fails, tries again until it or a pushed one is in force. Does not wait for that. */
  async begin(): Promise<void> {
    const isDone = await this.#queue.run(() => this.#applyStored());
    if (!isDone) void this.#pursue();
  }

  /** Takes a push of any shape. Throws RefusedError. */
  take(body: unknown): Promise<Acknowledgement> {
    return this.#queue.run(() => this.#take(body));
  }

  /** What is in force stays. */
  async release(): Promise<void> {
    this.#ended.abort();
    await this.#queue.run(async () => {});
  }

  async #take(body: unknown): Promise<Acknowledgement> {
    const read = readPush(body);
    if ('faults' in read) {
      const paths = read.faults.map(({ path }) => path);
      throw this.#refused('invalid', read.faults.map(({ path, message }) => `${path}: ${message}`).join('; '), {
        paths,
      });
    }
    const { push } = read;
    const { fencingToken } = this.#stored;
    if (push.fencingToken < fencingToken) {
      const message = `fencing token ${push.fencingToken}: ${fencingToken} was seen`;
      throw this.#refused('stale-fencing-token', message, { fencingToken });
    }
    if (!hasItsHash(push)) throw this.#refused('base-mismatch', 'target.hash: expected the hash of the document');
    if (push.fencingToken > fencingToken) await this.#save({ ...this.#stored, fencingToken: push.fencingToken });
    const next = servedOf(push);
    if (!sameIdentity(this.#serving?.identity ?? null, next.identity)) await this.#replace(next);
    return { identity: next.identity };
  }

  /** Throws RefusedError, and then what was in force before is in force again. */
  async #replace(next: ServedDocument): Promise<void> {
    const before = this.#serving;
    try {
      await this.#effects.apply(next.document);
      await this.#save({ ...this.#stored, served: next });
    } catch (error) {
      await this.#restore(before);
      this.#host.log.error('a document could not be applied', { generation: next.identity.generation, error });
      throw this.#refused('failed', messageOf(error), { service: 'console' }, error);
    }
    this.#inForce(next);
  }

  #inForce(served: ServedDocument): void {
    this.#serving = served;
    this.#trouble = null;
    this.#effects.inForce(served.identity);
  }

  async #restore(before: ServedDocument | null): Promise<void> {
    try {
      if (before === null) await this.#effects.withdraw();
      else await this.#effects.apply(before.document);
    } catch (error) {
      this.#serving = null;
      this.#trouble = `the document before could not be restored: ${messageOf(error)}`;
      this.#host.log.error('the document before could not be restored', { error });
      void this.#pursue();
    }
  }

  /** True where nothing is left to do. */
  async #applyStored(): Promise<boolean> {
    const { served } = this.#stored;
    if (served === null || this.#serving !== null) return true;
    try {
      await this.#effects.apply(served.document);
      this.#inForce(served);
      return true;
    } catch (error) {
      const isNews = this.#trouble !== messageOf(error);
      this.#trouble = messageOf(error);
      if (isNews) this.#host.log.error('the document on disk could not be applied', { error });
      await this.#effects.withdraw().catch((failure: unknown) => {
        if (isNews) this.#host.log.error('what is not in force could not be withdrawn', { error: failure });
      });
      return false;
    }
  }

  async #pursue(): Promise<void> {
    const { signal } = this.#ended;
    do await this.#host.clock.sleep(againMs, signal).catch(() => {});
    while (!signal.aborted && !(await this.#queue.run(() => this.#applyStored())));
  }

  async #save(stored: StoredDocument): Promise<void> {
    await saveDocument(this.#host.files, this.#path, stored);
    this.#stored = stored;
  }

  #refused(code: Refusal['code'], message: string, more: Partial<Refusal> = {}, cause?: unknown): RefusedError {
    const serving = this.#serving?.identity ?? null;
    return new RefusedError({ code, paths: [], message, serving, ...more }, { cause });
  }
}
