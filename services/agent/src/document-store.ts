// The last good document on disk: a snapshot, and a journal of the pushes since. A push costs one appended line; each line
// and the snapshot carry a checksum, so that a torn end is told from damage.
import { createHash } from 'node:crypto';
import { type Identity, type Push, PushSchema, sameIdentity, sectionNames, validator } from '@isthmus/contract';
import type { Files } from '@isthmus/host';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { LiveDocument } from './live-document.ts';

/** `sequence` grows by one with each record; a snapshot holds every record up to its own. `push` absent: the token alone changed. */
const RecordSchema = Type.Object(
  {
    sequence: Type.Integer({ minimum: 0 }),
    fencingToken: Type.Integer({ minimum: 0 }),
    push: Type.Optional(PushSchema),
  },
  { additionalProperties: false },
);
type StoredRecord = Static<typeof RecordSchema>;
const recordValidator = validator(RecordSchema);

/** What lay on disk. `identity` null: no push was ever taken. */
export interface StoredDocument {
  readonly document: LiveDocument;
  readonly identity: Identity | null;
  readonly fencingToken: number;
}

/** What lies on disk is damaged beyond the torn end that a power cut leaves. The orchestrator has to push in full. */
export class CorruptStateError extends Error {
  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}; a full push is needed`, options);
    this.name = 'CorruptStateError';
  }
}

function line(record: StoredRecord): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, 16);
}

/** Null where a line is not whole. */
function parseLine(text: string): StoredRecord | null {
  const json = text.slice(17);
  if (text[16] !== ' ' || text.slice(0, 16) !== checksum(json)) return null;
  const record: unknown = JSON.parse(json);
  return recordValidator.check(record) ? record : null;
}

export class DocumentStore {
  readonly #files: Files;
  readonly #snapshotPath: string;
  readonly #journalPath: string;
  readonly #journalLimitBytes: number;
  #sequence = 0;
  #fencingToken = 0;
  #journalBytes = 0;
  #snapshotBytes = 0;
  /** The journal's end is not known to be whole: the next record goes into a snapshot. */
  #torn = false;

  /** Keeps its files in `directory`. A journal is folded into the snapshot when it outgrows it and `journalLimitBytes`. */
  constructor(files: Files, directory: string, journalLimitBytes: number) {
    this.#files = files;
    this.#snapshotPath = `${directory}/document.json`;
    this.#journalPath = `${directory}/journal.jsonl`;
    this.#journalLimitBytes = journalLimitBytes;
  }

  get fencingToken(): number {
    return this.#fencingToken;
  }

  /** Reads what lies on disk. Throws CorruptStateError; the store then takes only a full push. */
  async load(): Promise<StoredDocument> {
    this.#torn = true;
    const document = new LiveDocument();
    let identity: Identity | null = null;
    for (const { push } of await this.#readRecords()) {
      if (push === undefined) continue;
      if (push.base !== null && !sameIdentity(push.base, identity)) {
        throw new CorruptStateError(
          this.#journalPath,
          `generation ${push.target.generation} does not follow the one before`,
        );
      }
      document.apply(push);
      identity = push.target;
    }
    if (identity !== null && document.hash !== identity.hash) {
      throw new CorruptStateError(
        this.#snapshotPath,
        `the document is not the one of generation ${identity.generation}`,
      );
    }
    // An agent of an older release served it; its successor serves nothing that it does not know whole.
    const missing = sectionNames.find((name) => document.view.settings[name] === undefined);
    if (identity !== null && missing !== undefined) {
      throw new CorruptStateError(this.#snapshotPath, `the document has no settings of section ${missing}`);
    }
    return { document, identity, fencingToken: this.#fencingToken };
  }

  /** Makes a push durable: when this resolves, the next start restores it. `document` holds the push already. */
  async save(push: Push, document: LiveDocument): Promise<void> {
    if (push.base === null || this.#torn) return this.fold(document, push.target, push.fencingToken);
    await this.#append({ sequence: this.#sequence + 1, fencingToken: push.fencingToken, push });
  }

  /** Makes a newer fencing token durable. */
  async saveToken(fencingToken: number, document: LiveDocument, identity: Identity | null): Promise<void> {
    if (this.#torn) return this.fold(document, identity, fencingToken);
    await this.#append({ sequence: this.#sequence + 1, fencingToken });
  }

  /** True when the journal has outgrown the snapshot. */
  get isDueToFold(): boolean {
    return this.#journalBytes > Math.max(this.#journalLimitBytes, this.#snapshotBytes);
  }

  /** Writes the whole document as the snapshot and begins an empty journal. */
  async fold(document: LiveDocument, identity: Identity | null, fencingToken = this.#fencingToken): Promise<void> {
    const sequence = this.#sequence + 1;
    const push = identity === null ? undefined : document.asPush(identity, fencingToken);
    const text = line({ sequence, fencingToken, ...(push === undefined ? {} : { push }) });
    await this.#files.writeText(this.#snapshotPath, text, { mode: 0o600 });
    // From here the snapshot counts: records of the old journal have lower sequence numbers.
    this.#sequence = sequence;
    this.#fencingToken = fencingToken;
    this.#snapshotBytes = text.length;
    this.#torn = true;
    await this.#files.remove(this.#journalPath);
    this.#journalBytes = 0;
    this.#torn = false;
  }

  async #append(record: StoredRecord): Promise<void> {
    const text = line(record);
    this.#torn = true;
    await this.#files.appendText(this.#journalPath, text);
    this.#torn = false;
    this.#sequence = record.sequence;
    this.#fencingToken = record.fencingToken;
    this.#journalBytes += text.length;
  }

  /** The snapshot's record and those of the journal that follow it. Sets what the store counts with. */
  async #readRecords(): Promise<StoredRecord[]> {
    const snapshot = await this.#readSnapshot();
    const journal = (await this.#files.readTextIfExists(this.#journalPath)) ?? '';
    const lines = journal.split('\n');
    const torn = lines.pop() !== '';
    const records: StoredRecord[] = snapshot === null ? [] : [snapshot];
    this.#note(snapshot);
    for (const [index, text] of lines.entries()) {
      const record = parseLine(text);
      if (record === null && index === lines.length - 1) return this.#endTorn(records, journal);
      if (record === null) throw new CorruptStateError(this.#journalPath, `line ${index + 1} is damaged`);
      if (record.sequence <= this.#sequence) continue;
      if (record.sequence !== this.#sequence + 1) {
        throw new CorruptStateError(this.#journalPath, `line ${index + 1} does not follow the one before`);
      }
      records.push(record);
      this.#note(record);
    }
    this.#journalBytes = journal.length;
    this.#torn = torn;
    return records;
  }

  /** The last line alone is damaged: a power cut while it was written. Its push was not acknowledged, or will be seen missing. */
  #endTorn(records: StoredRecord[], journal: string): StoredRecord[] {
    this.#journalBytes = journal.length;
    this.#torn = true;
    return records;
  }

  async #readSnapshot(): Promise<StoredRecord | null> {
    const text = await this.#files.readTextIfExists(this.#snapshotPath);
    if (text === null) return null;
    const record = parseLine(text.trimEnd());
    if (record === null) throw new CorruptStateError(this.#snapshotPath, 'the snapshot is damaged');
    this.#snapshotBytes = text.length;
    return record;
  }

  #note(record: StoredRecord | null): void {
    this.#sequence = record?.sequence ?? 0;
    this.#fencingToken = record?.fencingToken ?? 0;
  }
}
