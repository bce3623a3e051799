// The hosts that drivers reach.

import { setTimeout as sleep } from 'node:timers/promises';
import type { HostReport } from '@isthmus/contract';
import type { ControlIdentity } from '../drivers/control-identity.ts';
import { ApplianceUnreachableError, isExpiredPeer } from '../drivers/errors.ts';
import { HostClient, HostRefusedError, HostUnreachableError } from '../drivers/host-client.ts';
import { ApiError } from '../model/api-error.ts';
import type { Db } from '../store/database.ts';

/** Clients of host agents, one for each URL. */
export class Hosts {
  readonly #db: Db;
  readonly #identity: ControlIdentity;
  readonly #clients = new Map<string, HostClient>();

  constructor(db: Db, identity: ControlIdentity) {
    this.#db = db;
    this.#identity = identity;
  }

  /** The client of the host agent at `url`; `hostId` is whom an `https:` URL must belong to. Throws HostRefusedError. */
  at(url: string, hostId?: string): HostClient {
    const key = `${hostId ?? ''} ${url}`;
    const peer = hostId === undefined ? undefined : { hostId, identity: this.#identity };
    const client = this.#clients.get(key) ?? new HostClient(url, peer);
    this.#clients.set(key, client);
    return client;
  }

  /** The client of a host's agent. Throws 534 where the host is gone. */
  async client(hostId: string | null): Promise<HostClient> {
    const host =
      hostId === null
        ? undefined
        : await this.#db.selectFrom('host').select('url').where('id', '=', hostId).executeTakeFirst();
    if (host === undefined) throw new ApiError('resourceUnavailable', 'It has no host');
    return this.at(host.url, hostId ?? undefined);
  }

  /**
   * What a host says of itself; null where it does not answer within `limitMs`, or not as the host that it was. `renew`
   * renews a certificate of its that has expired, and says whether it did: then it is asked again.
   */
  async ask(
    { id, url }: { readonly id: string; readonly url: string },
    limitMs: number,
    renew: () => Promise<boolean> = async () => false,
  ): Promise<HostReport | null> {
    const ending = new AbortController();
    const late = sleep(limitMs, null, { signal: ending.signal }).catch(() => null);
    const report = this.at(url, id)
      .report()
      .catch(async (error: unknown) => (isExpiredPeer(error) && (await renew()) ? this.at(url, id).report() : null))
      .catch(() => null);
    try {
      return await Promise.race([report, late]);
    } finally {
      ending.abort();
    }
  }

  /**
   * Runs calls that end something on a host. None where the host is fenced: nothing runs there, and what it still has is
   * taken from it when it returns. None without a host either.
   */
  async end(hostId: string | null, work: (client: HostClient) => Promise<unknown>): Promise<void> {
    if (hostId === null) return;
    const host = await this.#db
      .selectFrom('host')
      .select(['url', 'fenced'])
      .where('id', '=', hostId)
      .executeTakeFirst();
    if (host !== undefined && host.fenced === null) await onHost(() => work(this.at(host.url, hostId)));
  }

  /** Ends the connections to a host that is gone. */
  forget(hostId: string): void {
    for (const [key, client] of this.#clients) {
      if (!key.startsWith(`${hostId} `)) continue;
      client.close();
      this.#clients.delete(key);
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** What the caller is told of a failure of a host: 534 unreachable, 530 refused with the host's sentence. */
export function hostFailure(error: unknown): unknown {
  if (error instanceof HostUnreachableError) {
    return new ApiError('resourceUnavailable', `Its host cannot be reached: ${error.message}`, { cause: error });
  }
  if (error instanceof ApplianceUnreachableError) {
    return new ApiError('resourceUnavailable', `It cannot be reached: ${error.message}`, { cause: error });
  }
  if (error instanceof HostRefusedError) return new ApiError('internal', error.message, { cause: error });
  return error;
}

/** Runs calls of a host's agent; their failures become the API's. */
export async function onHost<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw hostFailure(error);
  }
}
