// Brings a router to the document that its network's rows ask for. The caller holds the network's lease.

import { setTimeout as sleep } from 'node:timers/promises';
import { type CollectionName, type Identity, type Push, type RouterSettings, sameIdentity } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import { ApplianceUnreachableError, HostRefusedError, PeerIdentityError, PushRefusedError } from '../drivers/errors.ts';
import { ApiError } from '../model/api-error.ts';
import type { Sealer } from '../pki/sealer.ts';
import type { Db } from '../store/database.ts';
import type { Lease } from '../store/lease.ts';
import type { Log } from '../store/log.ts';
import type { RouterTable } from '../store/schema.ts';
import { ChangeCompiler, collectionNamed, settingsCollection } from './compile-changes.ts';
import { hostFailure } from './hosts.ts';
import { overtakes } from './overtake.ts';
import { RuleRefusals } from './refusals.ts';
import type { RouterAgents } from './router-agents.ts';
import { entryOfPath, putBackRules, settleRules, unsettledRules } from './rules.ts';
import { openedEntry } from './sealed-entry.ts';

/** Why rules were put back, by the rule's id. */
export type Refusals = ReadonlyMap<string, ApiError>;

type Router = Selectable<RouterTable>;

/** Pauses before a push that failed in the appliance is tried again, in ms. */
const retryPausesMs = [100, 500];
/** For how long a router whose agent does not answer is asked again: an agent that starts again takes seconds. */
const awayMs = 10_000;
const awayPauseMs = 250;
/** A push, put back, pushed again: more rounds than this mean that putting back does not help. */
const mostRounds = 20;

export class RouterPusher {
  readonly #db: Db;
  readonly #agents: RouterAgents;
  readonly #log: Log;
  readonly #sealer: Sealer;
  readonly #compiler: ChangeCompiler;
  /** Pushes sent since start, for benchmarks and metrics. */
  pushes = 0;
  /** Why rules were put back, for those who wait for them. */
  readonly refusals = new RuleRefusals();

  constructor(parts: { db: Db; agents: RouterAgents; log: Log; sealer: Sealer }) {
    this.#db = parts.db;
    this.#agents = parts.agents;
    this.#log = parts.log;
    this.#sealer = parts.sealer;
    this.#compiler = new ChangeCompiler(parts.db, parts.sealer);
  }

  /**
   * Compiles what changed, pushes it until it is acknowledged, and settles the network's rules. Without a router, or
   * with one that is not Running, the rules are settled as stored. Throws ApiError where something other than a rule
   * is refused or the host cannot be reached with no rule waiting. `beside`: the router that is to replace the network's;
   * what it acknowledges settles no rule.
   */
  async bringUpToDate(networkId: string, lease: Lease, beside?: string): Promise<Refusals> {
    const router = await this.#db
      .selectFrom('router')
      .selectAll()
      .where('network_id', '=', networkId)
      .where('state', '<>', 'Destroyed')
      .where(({ eb }) => (beside === undefined ? eb('replaces', 'is', null) : eb('id', '=', beside)))
      .executeTakeFirst();
    const refusals = new Map<string, ApiError>();
    if (router === undefined) {
      await this.#db.deleteFrom('network_change').where('network_id', '=', networkId).execute();
      await settleRules(this.#db, networkId);
      return refusals;
    }
    for (let round = 0; round < mostRounds; round++) {
      const target = await this.#compiler.compile(networkId, router.id);
      if (router.state !== 'Running' && router.state !== 'Starting') {
        await settleRules(this.#db, networkId);
        return refusals;
      }
      const failure = await this.#pushUntilAnswered(router, target, lease);
      if (failure === null) {
        if (beside === undefined) await settleRules(this.#db, networkId);
        return refusals;
      }
      const back = await this.#putBack(networkId, failure, refusals);
      if (back.length === 0 || failure.unreachable) {
        if (back.length === 0) throw failure.error;
        return refusals;
      }
    }
    throw new ApiError(
      'internal',
      `The router ${router.name} refuses its document even without the rules that changed`,
    );
  }

  /** What changed compiled, and the whole document as a push, for a router that has none yet. */
  async fullPush(router: Router, lease: Lease): Promise<Push> {
    const target = await this.#compiler.compile(router.network_id, router.id, 'whole');
    return this.#push(router.id, null, target, lease);
  }

  /** Forgets what the router acknowledged, so that the next push is full. */
  async forgetAcknowledgement(routerId: string): Promise<void> {
    await this.#db
      .updateTable('router_document')
      .set({ acknowledged_epoch: null, acknowledged_generation: 0, acknowledged_hash: null })
      .where('router_id', '=', routerId)
      .execute();
  }

  async #putBack(networkId: string, failure: PushFailure, refusals: Map<string, ApiError>): Promise<string[]> {
    const named = failure.paths.map((path) => entryOfPath(path)?.id).filter((id) => id !== undefined);
    let back = await putBackRules(this.#db, networkId, named);
    // Where the fault cannot be laid on a rule, every rule that waits for this generation fails with it.
    if (back.length === 0) back = await putBackRules(this.#db, networkId, await unsettledRules(this.#db, networkId));
    for (const id of back) {
      refusals.set(id, failure.error);
      this.refusals.tell(id, failure.error);
    }
    return back;
  }

  /** Null: acknowledged. */
  async #pushUntilAnswered(router: Router, compiled: Identity, lease: Lease): Promise<PushFailure | null> {
    let target: Identity | null = null;
    let tries = 0;
    const giveUpMs = performance.now() + awayMs;
    for (;;) {
      const acknowledged = await this.acknowledged(router.id);
      if (acknowledged !== null) target ??= compiled;
      // A router that is given its document in full may be of a newer release than what compiled it.
      else target = await this.#compiler.compile(router.network_id, router.id, 'whole');
      if (sameIdentity(acknowledged, target)) return null;
      try {
        const agent = await this.#agents.of(router);
        this.pushes += 1;
        const { identity } = await agent.push(await this.#push(router.id, acknowledged, target, lease));
        await this.acknowledge(router.id, identity);
        return null;
      } catch (error) {
        if (error instanceof PushRefusedError && error.refusal.code === 'base-mismatch' && tries < 3) {
          this.#log.info('router is at another state than the store says; pushing in full', { router: router.name });
          await this.forgetAcknowledgement(router.id);
        } else if (
          error instanceof PushRefusedError &&
          error.refusal.code === 'failed' &&
          tries < retryPausesMs.length
        ) {
          await sleep(retryPausesMs[tries] ?? 0);
        } else if (isAway(error) && performance.now() < giveUpMs) {
          await sleep(awayPauseMs);
          continue;
        } else if (tries < 3 && (await overtakes(this.#db, error, lease))) {
          this.#log.warn('router has seen a newer fencing token than the store holds', { router: router.name });
        } else {
          return pushFailure(error);
        }
        tries += 1;
      }
    }
  }

  /** What the router acknowledged last; null: nothing, or it was forgotten. */
  async acknowledged(routerId: string): Promise<Identity | null> {
    const row = await this.#db
      .selectFrom('router_document')
      .select(['acknowledged_epoch', 'acknowledged_generation', 'acknowledged_hash'])
      .where('router_id', '=', routerId)
      .executeTakeFirstOrThrow();
    if (row.acknowledged_epoch === null || row.acknowledged_hash === null) return null;
    return { epoch: row.acknowledged_epoch, generation: row.acknowledged_generation, hash: row.acknowledged_hash };
  }

  /** Writes down what a router serves. */
  async acknowledge(routerId: string, identity: Identity): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await trx
        .updateTable('router_document')
        .set({
          acknowledged_epoch: identity.epoch,
          acknowledged_generation: identity.generation,
          acknowledged_hash: identity.hash,
        })
        .where('router_id', '=', routerId)
        .execute();
      await trx
        .deleteFrom('router_entry')
        .where('router_id', '=', routerId)
        .where('entry', 'is', null)
        .where('generation', '<=', identity.generation)
        .execute();
    });
  }

  async #push(routerId: string, base: Identity | null, target: Identity, lease: Lease): Promise<Push> {
    const rows = await this.#db
      .selectFrom('router_entry')
      .select(['collection', 'entry_id', 'entry'])
      .where('router_id', '=', routerId)
      .where('generation', '>', base?.generation ?? 0)
      .execute();
    const settings: Record<string, unknown> = {};
    const entries: Partial<Record<CollectionName, { upsert: Record<string, unknown>; remove: string[] }>> = {};
    for (const { collection, entry_id: id, entry: stored } of rows) {
      const entry = openedEntry(this.#sealer, collection, stored);
      if (collection === settingsCollection) {
        settings[id] = entry;
        continue;
      }
      const name = collectionNamed(collection);
      const changes = entries[name] ?? { upsert: {}, remove: [] };
      entries[name] = changes;
      if (entry !== null) changes.upsert[id] = entry;
      else if (base !== null) changes.remove.push(id);
    }
    return {
      fencingToken: lease.token,
      base,
      target,
      settings: settings as Partial<RouterSettings>,
      entries: entries as Push['entries'],
    };
  }
}

interface PushFailure {
  readonly error: ApiError;
  readonly paths: readonly string[];
  readonly unreachable: boolean;
}

/** True for an agent that may answer in a moment: its host knows it, and nobody answers in its place. */
function isAway(error: unknown): boolean {
  if (!(error instanceof ApplianceUnreachableError)) return false;
  const { cause } = error;
  return !(cause instanceof PeerIdentityError || (cause instanceof HostRefusedError && cause.notFound));
}

/** What a failed push means to the rules in it. Throws what is not the push's own failure. */
function pushFailure(error: unknown): PushFailure {
  if (error instanceof PushRefusedError) {
    const { code, message, detail, paths } = error.refusal;
    if (code === 'stale-fencing-token') {
      throw new ApiError('resourceUnavailable', 'Another orchestrator took over this network; try again', {
        cause: error,
      });
    }
    const words = detail === undefined ? message : `${message}: ${detail}`;
    return {
      error: new ApiError('internal', `The router refused the change: ${words}`, { cause: error }),
      paths,
      unreachable: false,
    };
  }
  const failure = hostFailure(error);
  if (failure instanceof ApiError) return { error: failure, paths: [], unreachable: true };
  throw error;
}
