// Connections that have not opened a session yet: how many there may be, and for how long.
import type { Socket } from 'node:net';

/** How many at once, of everybody and of one client address, and for how many seconds. */
export interface AdmissionLimits {
  readonly pending: number;
  readonly pendingPerAddress: number;
  readonly handshakeSeconds: number;
}

/** A connection from its first moment until its session is open. */
export interface PendingConnection {
  readonly address: string;
  /** Of the agent's own health check: no limit counts it. */
  readonly isOwn: boolean;
  /** Counted no more. */
  readonly settle: () => void;
  /** While a person thinks: the time that is left of the handshake begins again after it. */
  readonly hold: (ms: number) => void;
  readonly goOn: () => void;
  /** Called once when its time is over, in place of an end of the socket. */
  whenLate: () => void;
}

interface Entry extends PendingConnection {
  deadline: number;
}

/** A connection's own name, which its TLS socket has too. */
function keyOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

export class Admission {
  readonly #entries = new Map<string, Entry>();
  readonly #ofAddress = new Map<string, number>();
  #counted = 0;
  readonly #monotonicMs: () => number;
  readonly #isOwn: (address: string, port: number) => boolean;

  /** `isOwn`: of the agent's own health check. */
  constructor(monotonicMs: () => number, isOwn: (address: string, port: number) => boolean) {
    this.#monotonicMs = monotonicMs;
    this.#isOwn = isOwn;
  }

  get pending(): number {
    return this.#counted;
  }

  /** Counts a new connection; answers with why not where there is no room, and then it is the caller's to end. */
  admit(socket: Socket, limits: AdmissionLimits): 'admitted' | 'full' | 'full for its address' {
    const { remoteAddress: address, remotePort: port } = socket;
    if (address === undefined || port === undefined) return 'full';
    const isOwn = this.#isOwn(address, port);
    if (!isOwn) {
      if (this.pending >= limits.pending) return 'full';
      const ofAddress = this.#ofAddress.get(address) ?? 0;
      if (ofAddress >= limits.pendingPerAddress) return 'full for its address';
      this.#ofAddress.set(address, ofAddress + 1);
      this.#counted += 1;
    }
    const key = keyOf(socket);
    const settle = () => this.#settle(key, entry);
    let leftMs = limits.handshakeSeconds * 1000;
    const entry: Entry = {
      address,
      isOwn,
      deadline: this.#monotonicMs() + leftMs,
      settle,
      hold: (ms) => {
        leftMs = entry.deadline - this.#monotonicMs();
        entry.deadline = this.#monotonicMs() + ms;
      },
      goOn: () => {
        entry.deadline = this.#monotonicMs() + leftMs;
      },
      whenLate: () => socket.destroy(),
    };
    this.#entries.set(key, entry);
    socket.once('close', settle);
    return 'admitted';
  }

  /** The connection of a socket that was admitted and is not settled. */
  of(socket: Socket): PendingConnection | undefined {
    return this.#entries.get(keyOf(socket));
  }

  /** Ends those whose time is over. */
  sweep(): void {
    const now = this.#monotonicMs();
    for (const entry of [...this.#entries.values()]) {
      if (entry.deadline > now) continue;
      entry.deadline = Number.POSITIVE_INFINITY;
      entry.whenLate();
    }
  }

  #settle(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    if (entry.isOwn) return;
    this.#counted -= 1;
    const left = (this.#ofAddress.get(entry.address) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(entry.address, left);
    else this.#ofAddress.delete(entry.address);
  }
}
