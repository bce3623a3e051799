// A router replaced without a loss: the new one is built beside the old, behind dark ports, with its addresses and its
// whole document; it takes over what the document does not hold; then both change places at one instant. Each step is
// found again in the rows: whoever holds the network's lock next brings what is unfinished to its end.
// How and why: docs/explanation/replacement.md.
import { sql } from 'kysely';
import { HostRefusedError } from '../drivers/errors.ts';
import { ApiError } from '../model/api-error.ts';
import { type Lease, raiseLease } from '../store/lease.ts';
import { transaction } from '../store/transaction.ts';
import { onHost } from './hosts.ts';
import { createRouter, lockNetwork, type Router, touchEverything } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { placeRouter } from './place-router.ts';
import { endRouter } from './router-removal.ts';
import { bringRouterUp, exportState, startRouterOf } from './router-start.ts';
import type { Settled } from './work-lock.ts';

/**
 * A new router takes the place of one, with its addresses, leases and tracked flows. Until both change places every
 * failure leaves the old one serving and the new one gone. One that does not serve is ended first.
 */
export async function replaceRouter(parts: Parts, old: Router, lease: Lease): Promise<void> {
  if (old.state !== 'Running' || !(await isOnHost(parts, old))) return replaceDeadRouter(parts, old, lease);
  // Its rules settled, and the lease's token newer than any that an agent has seen.
  await parts.pusher.bringUpToDate(old.network_id, lease);
  const fresh = await begin(parts, old);
  try {
    await bringRouterUp(parts, await placeBeside(parts, fresh, old), lease, fresh.id);
    await moveState(parts, old, fresh.id);
    await decide(parts, fresh.id, lease);
  } catch (error) {
    await abandon(parts, fresh.id).catch((failure: unknown) => {
      parts.log.warn('a router that was to replace another is not gone yet', { router: fresh.name, error: failure });
    });
    throw error;
  }
  if (await finish(parts, fresh.id, lease)) return;
  throw new ApiError(
    'internal',
    'The host of the router did not let the new one take its place: the old one serves on',
  );
}

/** Brings a replacement that its orchestrator left to its end: back where nothing was decided, else forward. */
export async function settleReplacement(parts: Parts, networkId: string, lease: Lease): Promise<Settled> {
  const unfinished = await parts.db
    .selectFrom('router')
    .select(['id', 'name', 'is_taking_over'])
    .where('network_id', '=', networkId)
    .where('replaces', 'is not', null)
    .execute();
  let settled: Settled = null;
  for (const { id, name, is_taking_over: isTakingOver } of unfinished) {
    parts.log.warn('a replacement was left unfinished', { router: name, isTakingOver });
    if (isTakingOver) {
      settled = (await finish(parts, id, lease)) ? 'finished' : 'abandoned';
      continue;
    }
    // It is dark: what cannot be removed now does not keep the old one from serving.
    const gone = await abandon(parts, id).then(
      () => true,
      (error: unknown) => {
        parts.log.warn('a router that was to replace another is not gone yet', { router: name, error: String(error) });
        return false;
      },
    );
    if (gone) settled ??= 'abandoned';
  }
  return settled;
}

/** False where its host's power is known to be off. */
async function isOnHost({ db }: Parts, { host_id: hostId }: Router): Promise<boolean> {
  if (hostId === null) return false;
  const host = await db.selectFrom('host').select('fenced').where('id', '=', hostId).executeTakeFirst();
  return host !== undefined && host.fenced === null;
}

/** The row of the new router: the old one's addresses, so that no neighbour has anything to learn. */
async function begin(parts: Parts, old: Router): Promise<Router> {
  const left = await parts.db.selectFrom('router').select('id').where('replaces', '=', old.id).executeTakeFirst();
  if (left !== undefined) {
    throw new ApiError('resourceUnavailable', 'An earlier replacement of the router cannot be removed yet');
  }
  const handover = (await exportState(parts, old)) ?? old.handover;
  return transaction(parts.db, async (trx) => {
    const network = await lockNetwork(trx, old.network_id);
    const { id } = await createRouter(trx, network);
    return trx
      .updateTable('router')
      .set({
        replaces: old.id,
        state: 'Starting',
        guest_mac_address: old.guest_mac_address,
        public_mac_address: old.public_mac_address,
        handover: handover === null ? null : JSON.stringify(handover),
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

/** On the old one's host, where no neighbour notices anything, if it has room; else on another. */
async function placeBeside(parts: Parts, fresh: Router, { host_id: hostId }: Router): Promise<Router> {
  if (hostId === null) return placeRouter(parts, fresh);
  try {
    return await placeRouter(parts, fresh, { hostId });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    parts.log.info('the host of the router that is replaced has no room for another', { error: error.message });
    return placeRouter(parts, fresh);
  }
}

/**
 * What changes while the old router serves: connections, which live on where the new one tracks them, and passwords that
 * were given, each once. An agent that cannot say them is replaced all the same.
 */
async function moveState(parts: Parts, old: Pick<Router, 'id' | 'host_id'>, freshId: string): Promise<void> {
  try {
    const fresh = await routerRow(parts, freshId);
    const [from, to] = [await parts.agents.of(old), await parts.agents.of(fresh)];
    await to.importState(await from.exportState());
    const { flows } = await from.operate('export-flows', {});
    const { taken } = await to.operate('import-flows', { flows });
    parts.log.info('tracked flows went over to the new router', { router: fresh.name, taken });
  } catch (error) {
    parts.log.warn('state of a router that is replaced did not go over', { error: String(error) });
  }
}

function routerRow({ db }: Parts, id: string): Promise<Router> {
  return db.selectFrom('router').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

/** From here on there is no way back. Throws 534 where the lease was lost: then another has abandoned this one. */
async function decide({ db }: Parts, id: string, { name, holder, token }: Lease): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('router')
    .set({ is_taking_over: true })
    .where('id', '=', id)
    .where(
      sql<boolean>`exists (select 1 from lease where name = ${name} and holder = ${holder} and token = ${token}
        and expires > now())`,
    )
    .executeTakeFirst();
  if (numUpdatedRows !== 0n) return;
  throw new ApiError('resourceUnavailable', 'Another orchestrator took over this network; try again');
}

/** The new router is gone, and the old one's document is compiled anew: notes of changes may have gone to the new one's. */
async function abandon(parts: Parts, id: string): Promise<void> {
  const fresh = await routerRow(parts, id);
  await endRouter(parts, fresh);
  await transaction(parts.db, async (trx) => {
    await trx.deleteFrom('router').where('id', '=', id).execute();
    await touchEverything(trx, fresh.network_id);
  });
}

/**
 * Both change places, what came since goes over, and the old one is gone. May be repeated from any point. False where the
 * host refused and the new one is gone.
 */
async function finish(parts: Parts, freshId: string, lease: Lease): Promise<boolean> {
  const fresh = await routerRow(parts, freshId);
  const old = fresh.replaces === null ? null : await routerRow(parts, fresh.replaces);
  if (old !== null) {
    if (!(await changePlaces(parts, old, fresh, lease))) return false;
    await announce(parts, fresh);
    await moveState(parts, old, freshId);
    await endRouter(parts, old);
  }
  await transaction(parts.db, async (trx) => {
    await trx
      .updateTable('router')
      .set({ replaces: null, is_taking_over: false, state: 'Running', reason: null })
      .where('id', '=', freshId)
      .execute();
    if (old !== null) await trx.deleteFrom('router').where('id', '=', old.id).execute();
  });
  await parts.pusher.bringUpToDate(fresh.network_id, lease);
  return true;
}

/**
 * False where the host refuses for good, so that the old one serves on and the new one is gone. Throws 534 where it is
 * not known which of the two is lit: it is found out, and finished, by the next who holds the lock.
 */
async function changePlaces(parts: Parts, old: Router, fresh: Router, lease: Lease): Promise<boolean> {
  try {
    await light(parts, fresh, old, lease);
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // A token of before the store's restore from a backup is raised above what hosts may have seen.
    const isRaised = await raiseLease(parts.db, lease, lease.token + 1000);
    if (
      isRaised &&
      (await light(parts, fresh, old, lease).then(
        () => true,
        (failure) => giveUp(failure),
      ))
    )
      return true;
  }
  await light(parts, old, fresh, lease);
  await parts.db.updateTable('router').set({ is_taking_over: false }).where('id', '=', fresh.id).execute();
  await abandon(parts, fresh.id);
  return false;
}

function giveUp(error: unknown): false {
  if (isRefusal(error)) return false;
  throw error;
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.cause instanceof HostRefusedError;
}

/** Lights one and darkens the other; on one host at one instant, on two the other first. */
async function light(parts: Parts, lit: Router, dark: Router, { token: fencingToken }: Lease): Promise<void> {
  const isBeside = lit.host_id === dark.host_id;
  if (!isBeside) {
    await parts.hosts.end(dark.host_id, (client) =>
      client.putPorts(dark.id, { state: 'dark', fencingToken }).catch((error: unknown) => {
        // What is not there is dark.
        if (!(error instanceof HostRefusedError && error.notFound)) throw error;
      }),
    );
  }
  await onHost(async () => {
    const client = await parts.hosts.client(lit.host_id);
    await client.putPorts(lit.id, { state: 'lit', fencingToken, ...(isBeside && { instead: dark.id }) });
  });
}

/** Bridges and switches beyond the host learn where the addresses are now. They learn by any other frame as well. */
async function announce(parts: Parts, fresh: Router): Promise<void> {
  try {
    await (await parts.agents.of(fresh)).operate('announce', {});
  } catch (error) {
    parts.log.warn('a new router was not announced', { router: fresh.name, error: String(error) });
  }
}

/** Of one that does not serve: what it handed over before is written down, it ends, and a new one starts. */
async function replaceDeadRouter(parts: Parts, old: Router, lease: Lease): Promise<void> {
  const { db } = parts;
  const handover = (await exportState(parts, old)) ?? old.handover;
  const text = handover === null ? null : JSON.stringify(handover);
  await db.updateTable('router').set({ handover: text }).where('id', '=', old.id).execute();
  await endRouter(parts, old);
  const router = await transaction(db, async (trx) => {
    const network = await lockNetwork(trx, old.network_id);
    await trx.deleteFrom('router').where('id', '=', old.id).execute();
    const { id } = await createRouter(trx, network);
    return trx
      .updateTable('router')
      .set({ host_id: old.host_id, handover: text })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
  await startRouterOf(parts, router, lease);
}
