// Whether consoles work: every half a minute the agent opens one itself, of a screen of its own, through the listener that
// browsers use, with a ticket that nobody else has.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { messageOf } from '@isthmus/agent/appliance';
import type { ConsoleAnswer, ConsoleProxyDocument, ServiceHealth } from '@isthmus/contract';
import type { Clock, Log } from '@isthmus/host';
import type { DoorTarget, TicketRequest } from '../session/ports.ts';
import { lookAtScreen, takeOwnPort } from './look-at-screen.ts';
import { TestScreen, testScreenSide } from './test-screen.ts';

const everyMs = 30_000;
const timeoutMs = 10_000;

/** A console that is being looked at. Each part is good for this one time. */
interface Look {
  readonly session: string;
  readonly ticket: string;
  readonly secret: string;
  readonly localPort: number;
  readonly screen: TestScreen;
  readonly signal: AbortSignal;
  isRedeemed: boolean;
}

export interface ConsoleHealthParts {
  readonly clock: Clock;
  readonly log: Log;
  /** In force; null: none is. */
  readonly document: () => ConsoleProxyDocument | null;
  /** Told of a result that is another than the one before. */
  readonly changed: () => void;
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export class ConsoleHealth {
  readonly #parts: ConsoleHealthParts;
  readonly #ended = new AbortController();
  #look: Look | null = null;
  #running: Promise<ServiceHealth> | null = null;
  #last: ServiceHealth;

  constructor(parts: ConsoleHealthParts) {
    this.#parts = parts;
    this.#last = this.#result(false, 'no console was opened yet');
  }

  /** The newest result. */
  get last(): ServiceHealth {
    return this.#last;
  }

  /** Looks every half a minute until `release`. */
  async watch(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.#parts.clock.sleep(everyMs, signal).catch(() => {});
      if (!signal.aborted) await this.check();
    }
  }

  release(): void {
    this.#ended.abort(new Error('the agent was released'));
  }

  /** Looks now; who asks meanwhile gets the same result. Never throws. */
  check(): Promise<ServiceHealth> {
    this.#running ??= this.#check().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** True for the health check's own connection. */
  isOwn(address: string, port: number): boolean {
    return this.#look?.localPort === port && this.#parts.document()?.publicAddress === address;
  }

  /** True for the health check's own session. */
  isOwnSession(session: string): boolean {
    return this.#look?.session === session;
  }

  /** The answer to the health check's own ticket, once; null for any other. */
  redeem({ ticket, clientAddress }: TicketRequest): ConsoleAnswer | null {
    const look = this.#look;
    const isOurs = look !== null && !look.isRedeemed && ticket === look.ticket;
    if (!isOurs || clientAddress !== this.#parts.document()?.publicAddress) return null;
    look.isRedeemed = true;
    return {
      state: 'open',
      session: look.session,
      machine: 'health check',
      console: 'vnc',
      mode: 'control',
      viewers: [],
      resume: newSecret(),
      target: { kind: 'door', id: look.session, secret: look.secret },
      security: { types: ['VncAuth'], password: look.screen.password },
    };
  }

  /** The test screen, where it is the target; null: the target is another. */
  open({ id, secret }: DoorTarget): Duplex | null {
    const look = this.#look;
    if (look === null || id !== look.session || secret !== look.secret) return null;
    return look.screen.open(look.signal);
  }

  async #check(): Promise<ServiceHealth> {
    const { clock, log, changed } = this.#parts;
    const document = this.#parts.document();
    const before = this.#last;
    const ended = new AbortController();
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(timeoutMs), ended.signal]);
    const look: Look = {
      session: `health-${randomUUID()}`,
      ticket: newSecret(),
      secret: newSecret(),
      localPort: takeOwnPort(),
      screen: new TestScreen(),
      signal,
      isRedeemed: false,
    };
    this.#look = look;
    try {
      if (document === null) throw new Error('no document is in force');
      const begun = clock.monotonicMs();
      const pixels = await lookAtScreen(document, { ...look, side: testScreenSide }, signal);
      if (!pixels.equals(look.screen.picture)) throw new Error('the screen shows another picture than its server sent');
      const tookMs = Math.round(clock.monotonicMs() - begun);
      this.#last = this.#result(true, `a test screen was opened and read in ${tookMs} ms`);
    } catch (error) {
      const reason =
        signal.aborted && !this.#ended.signal.aborted ? `nothing came in ${timeoutMs / 1000} s` : messageOf(error);
      this.#last = this.#result(false, `a test screen could not be opened: ${reason}`);
      if (before.healthy) log.warn('a test screen could not be opened', { reason });
    } finally {
      ended.abort(new Error('the test screen was looked at'));
      this.#look = null;
    }
    if (before.healthy !== this.#last.healthy) changed();
    return this.#last;
  }

  #result(healthy: boolean, detail: string): ServiceHealth {
    return { service: 'console', healthy, detail, checkedAt: new Date(this.#parts.clock.now()).toISOString() };
  }
}
