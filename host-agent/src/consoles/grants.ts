// Who may open which console, once, within its time. In memory: what a grant opens ends with this process anyway.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { ConsoleGrant } from '@isthmus/contract';
import { HostAgentError } from '../errors.ts';

/** Who knocks: an appliance by its control address, or another host by its certificate. */
export type Knocker = ConsoleGrant['to'];

/** Makes the stream of a grant; `secret` is what was shown for it. */
export type OpenConsole = (secret: string) => Promise<Duplex>;

/** A grant whose stream is being made, or flows. */
export interface Redeemed {
  readonly open: OpenConsole;
  /** Both ends of its stream, which end with the grant. At once where it has ended by now. */
  hold(...ends: readonly Duplex[]): void;
}

interface Held {
  readonly grant: ConsoleGrant;
  readonly open: OpenConsole;
  readonly ends: Set<Duplex>;
  timer: NodeJS.Timeout | null;
  isOver: boolean;
}

function isSame(one: Knocker, other: Knocker): boolean {
  if ('appliance' in one) return 'appliance' in other && one.appliance === other.appliance;
  return 'host' in other && one.host === other.host;
}

function fits(secret: string, sha256: string): boolean {
  return timingSafeEqual(createHash('sha256').update(secret).digest(), Buffer.from(sha256, 'hex'));
}

/** The grants of one host by their sessions. */
export class ConsoleGrants {
  readonly #held = new Map<string, Held>();

  /** Ends the grant of that id and its stream, and begins anew. */
  put(id: string, grant: ConsoleGrant, open: OpenConsole): void {
    this.revoke(id);
    const held: Held = { grant, open, ends: new Set(), timer: null, isOver: false };
    held.timer = setTimeout(() => this.#end(id, held), grant.seconds * 1000).unref();
    this.#held.set(id, held);
  }

  /** Ends a grant, and at once the stream that is open by it. No error where there is none. */
  revoke(id: string): void {
    const held = this.#held.get(id);
    if (held !== undefined) this.#end(id, held);
  }

  /** True where a grant waits for that host. */
  expects(host: string): boolean {
    return [...this.#held.values()].some(({ grant, timer }) => timer !== null && isSame(grant.to, { host }));
  }

  /**
   * Takes a grant, for good. Throws HostAgentError (`not-found`), the same for every reason: none of that id, used, late,
   * another's, another secret.
   */
  redeem(id: string, secret: string, knocker: Knocker): Redeemed {
    const held = this.#held.get(id);
    const waits = held !== undefined && held.timer !== null && isSame(held.grant.to, knocker);
    if (!waits || !fits(secret, held.grant.secretSha256)) {
      throw new HostAgentError('not-found', `console ${id}: expected a grant that waits for who asks, and its secret`);
    }
    if (held.timer !== null) clearTimeout(held.timer);
    held.timer = null;
    return { open: held.open, hold: (...ends) => this.#hold(id, held, ends) };
  }

  /** Ends every grant and every stream. */
  clear(): void {
    for (const [id, held] of this.#held) this.#end(id, held);
  }

  #hold(id: string, held: Held, ends: readonly Duplex[]): void {
    for (const end of ends) {
      if (held.isOver) end.destroy();
      if (end.destroyed) {
        this.#end(id, held);
        continue;
      }
      held.ends.add(end);
      end.once('close', () => {
        held.ends.delete(end);
        if (held.ends.size === 0) this.#end(id, held);
      });
    }
  }

  #end(id: string, held: Held): void {
    held.isOver = true;
    if (held.timer !== null) clearTimeout(held.timer);
    held.timer = null;
    if (this.#held.get(id) === held) this.#held.delete(id);
    for (const end of held.ends) end.destroy();
  }
}
