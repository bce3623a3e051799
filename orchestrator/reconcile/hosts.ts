// The hosts that drivers reach, and which one takes a new router or instance.

import { HostClient, HostRefusedError, HostUnreachableError } from '../drivers/host-client.ts';
import { ApiError } from '../model/api-error.ts';
import type { Db, Trx } from '../store/database.ts';

/** Clients of host agents, one for each URL. */
export class Hosts {
  readonly #db: Db;
  readonly #clients = new Map<string, HostClient>();

  constructor(db: Db) {
    this.#db = db;
  }

  at(url: string): HostClient {
    const client = this.#clients.get(url) ?? new HostClient(url);
    this.#clients.set(url, client);
    return client;
  }

  /** The client of a host's agent. Throws 534 where the host is gone. */
  async client(hostId: string | null): Promise<HostClient> {
    const host =
      hostId === null
        ? undefined
        : await this.#db.selectFrom('host').select('url').where('id', '=', hostId).executeTakeFirst();
    if (host === undefined) throw new ApiError('resourceUnavailable', 'It has no host');
    return this.at(host.url);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** The first host of a zone that is Up and Enabled. Throws 533 where there is none. */
export async function allocateHost(db: Db | Trx, zoneId: string): Promise<{ id: string; podId: string }> {
  const host = await db
    .selectFrom('host')
    .select(['id', 'pod_id'])
    .where('zone_id', '=', zoneId)
    .where('state', '=', 'Up')
    .where('resource_state', '=', 'Enabled')
    .orderBy('created')
    .orderBy('id')
    .executeTakeFirst();
  if (host === undefined) {
    throw new ApiError(
      'insufficientCapacity',
      'No host of the zone is Up and Enabled: add one (addHost) or enable one',
    );
  }
  return { id: host.id, podId: host.pod_id };
}

/** What the caller is told of a failure of a host: 534 unreachable, 530 refused with the host's sentence. */
export function hostFailure(error: unknown): unknown {
  if (error instanceof HostUnreachableError) {
    return new ApiError('resourceUnavailable', `Its host cannot be reached: ${error.message}`, { cause: error });
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
