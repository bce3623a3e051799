// One serial port for all who look. QEMU's socket takes one client, and so does that of a namespace's shell: the host keeps
// one connection while anybody looks, hands what comes to each, and writes what each types in the order in which it came.
import { Duplex } from 'node:stream';
import { HostAgentError } from '../errors.ts';
import { withoutQueries } from './terminal-queries.ts';

/** How much a hub keeps, in bytes, and how long it is patient, in milliseconds. */
export interface HubLimits {
  /** The last bytes that were written, for who comes later. */
  readonly history: number;
  /** Unread bytes of the viewer who has read the most, above which the port waits. */
  readonly pause: number;
  /** Unread bytes of any viewer, above which it is ended. */
  readonly backlog: number;
  /** How long the port waits for viewers of whom none reads; then they are ended. */
  readonly stallMs: number;
  readonly viewers: number;
  /** How long the connection stays when nobody looks. */
  readonly keepMs: number;
}

/** 64 KiB of history; who lags a megabyte behind is ended. */
export const hubLimits: HubLimits = {
  ...{ history: 65_536, pause: 262_144, backlog: 1_048_576, stallMs: 30_000, viewers: 64, keepMs: 0 },
};

/** A viewer's end: what the port writes is read from it, and what is written to it is typed. */
class Viewer extends Duplex {
  readonly #type: (chunk: Buffer, done: (error?: Error | null) => void) => void;
  readonly #onRead: () => void;

  constructor(type: (chunk: Buffer, done: (error?: Error | null) => void) => void, onRead: () => void) {
    super({ allowHalfOpen: false, readableHighWaterMark: 65_536, writableHighWaterMark: 16_384 });
    this.#type = type;
    this.#onRead = onRead;
  }

  override _read(): void {
    this.#onRead();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#type(chunk, done);
  }
}

/** What comes while the log is read, at most. */
const overlapBytes = 4096;
/** So long a viewer may read what is left when the port has ended. */
const farewellMs = 10_000;

/** The part of `log` that was written before `heard`, where the end of one may be the beginning of the other. */
export function before(log: Buffer, heard: Buffer): Buffer {
  for (let common = Math.min(log.length, heard.length, overlapBytes); common > 0; common -= 1) {
    if (log.subarray(log.length - common).equals(heard.subarray(0, common))) {
      return log.subarray(0, log.length - common);
    }
  }
  return log;
}

/** What a hub is made with. `onEnd` is called once, when its connection is gone. */
export interface HubPort {
  /** Named in errors, such as `console serial of instance 1`. */
  readonly noun: string;
  connect(): Promise<Duplex>;
  /** What the port wrote before anybody looked; its last bytes. */
  log(): Promise<Buffer>;
  onEnd(): void;
  readonly limits?: Partial<HubLimits>;
}

export class SerialHub {
  readonly #port: HubPort;
  readonly #limits: HubLimits;
  readonly #viewers = new Set<Viewer>();
  readonly #opened: Promise<Duplex>;
  #history: Buffer = Buffer.alloc(0);
  #isOver = false;
  #stalled: NodeJS.Timeout | null = null;
  #unwatched: NodeJS.Timeout | null = null;

  /** Connects at once. */
  constructor(port: HubPort) {
    this.#port = port;
    this.#limits = { ...hubLimits, ...port.limits };
    this.#opened = this.#open();
    this.#opened.catch(() => this.end());
  }

  /** Another viewer, which first reads the history. Throws HostAgentError: the port fails, or too many look. */
  async view(): Promise<Duplex> {
    const port = await this.#opened;
    const { viewers } = this.#limits;
    if (this.#isOver) throw new HostAgentError('failed', `${this.#port.noun}: has ended`);
    if (this.#viewers.size >= viewers) {
      throw new HostAgentError('conflict', `${this.#port.noun}: expected at most ${viewers} viewers`);
    }
    if (this.#unwatched !== null) clearTimeout(this.#unwatched);
    this.#unwatched = null;
    const viewer = new Viewer(
      (chunk, done) => this.#type(port, chunk, done),
      () => this.#pace(port),
    );
    this.#viewers.add(viewer);
    viewer.on('error', () => undefined);
    viewer.once('close', () => this.#leave(port, viewer));
    const shown = withoutQueries(this.#history);
    if (shown.length > 0) viewer.push(shown);
    return viewer;
  }

  /** Ends the connection and every viewer. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of [this.#stalled, this.#unwatched]) if (timer !== null) clearTimeout(timer);
    for (const viewer of this.#viewers) {
      viewer.push(null);
      setTimeout(() => viewer.destroy(), farewellMs).unref();
    }
    this.#port.onEnd();
    void this.#opened.then(
      (port) => port.destroy(),
      () => undefined,
    );
  }

  async #open(): Promise<Duplex> {
    const port = await this.#port.connect();
    const heard: Buffer[] = [];
    const hear = (chunk: Buffer) => void heard.push(chunk);
    port.on('error', () => port.destroy());
    port.once('close', () => this.end());
    port.on('data', hear);
    const log = await this.#port.log();
    port.off('data', hear);
    const first = Buffer.concat(heard);
    this.#remember(Buffer.concat([before(log, first), first]));
    port.on('data', (chunk: Buffer) => this.#tell(port, chunk));
    if (this.#isOver) port.destroy();
    else if (port.destroyed) this.end();
    return port;
  }

  #remember(chunk: Buffer): void {
    const { history } = this.#limits;
    const all = chunk.length >= history ? chunk : Buffer.concat([this.#history, chunk]);
    this.#history = Buffer.from(all.subarray(Math.max(0, all.length - history)));
  }

  #tell(port: Duplex, chunk: Buffer): void {
    this.#remember(chunk);
    for (const viewer of this.#viewers) {
      viewer.push(chunk);
      // It lags behind others, for whom the port goes on.
      if (viewer.readableLength > this.#limits.backlog) viewer.destroy();
    }
    this.#pace(port);
  }

  /** The port waits while nobody reads, and no longer than that is borne. */
  #pace(port: Duplex): void {
    const lags = [...this.#viewers].map(({ readableLength }) => readableLength);
    const isStalled = lags.length > 0 && Math.min(...lags) > this.#limits.pause;
    if (!isStalled) {
      if (this.#stalled === null) return;
      clearTimeout(this.#stalled);
      this.#stalled = null;
      port.resume();
    } else if (this.#stalled === null) {
      port.pause();
      this.#stalled = setTimeout(() => {
        for (const viewer of this.#viewers) viewer.destroy();
      }, this.#limits.stallMs).unref();
    }
  }

  #type(port: Duplex, chunk: Buffer, done: (error?: Error | null) => void): void {
    if (port.destroyed) done(new Error(`${this.#port.noun}: has ended`));
    else if (port.write(chunk)) done();
    else {
      const settle = () => {
        port.off('drain', settle);
        port.off('close', settle);
        done();
      };
      port.on('drain', settle);
      port.on('close', settle);
    }
  }

  #leave(port: Duplex, viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#isOver) return;
    this.#pace(port);
    if (this.#viewers.size > 0) return;
    if (this.#limits.keepMs === 0) this.end();
    else this.#unwatched = setTimeout(() => this.end(), this.#limits.keepMs).unref();
  }
}

/** The hubs of a host, by what names their ports. */
export class SerialHubs {
  readonly #hubs = new Map<string, SerialHub>();

  /** Another viewer of a port, which is connected to where nobody looks yet. Throws HostAgentError. */
  async view(port: Omit<HubPort, 'onEnd'>): Promise<Duplex> {
    const { noun } = port;
    const known = this.#hubs.get(noun);
    if (known !== undefined) return known.view();
    const onEnd = () => {
      if (this.#hubs.get(noun) === hub) this.#hubs.delete(noun);
    };
    const hub: SerialHub = new SerialHub({ ...port, onEnd });
    this.#hubs.set(noun, hub);
    return hub.view();
  }

  /** Ends every port and viewer. */
  end(): void {
    for (const hub of [...this.#hubs.values()]) hub.end();
  }
}
