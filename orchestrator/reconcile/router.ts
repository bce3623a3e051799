// A router started, stopped, rebooted and destroyed by its admin.
import { type Identity, sameIdentity } from '@isthmus/contract';
import type { Lease } from '../store/lease.ts';
import { onHost } from './hosts.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { setRouterState, startRouterOf } from './router-start.ts';

async function withRouter(
  parts: Parts,
  id: string,
  work: (router: Router, lease: Lease) => Promise<void>,
): Promise<void> {
  const found = await parts.db.selectFrom('router').select('network_id').where('id', '=', id).executeTakeFirst();
  if (found === undefined) return;
  await parts.lock.hold(found.network_id, async (lease) => {
    const router = await parts.db.selectFrom('router').selectAll().where('id', '=', id).executeTakeFirst();
    if (router !== undefined) await work(router, lease);
  });
}

/** Starts a router with its last document and what changed since. */
export async function startRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, (router, lease) => startRouterOf(parts, router, lease));
}

/** Starts a router again that should run, unless it was stopped since. */
export async function reviveRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    if (['Running', 'Starting', 'Error'].includes(router.state)) await startRouterOf(parts, router, lease);
  });
}

/**
 * Pushes the whole document where a router serves another state than it acknowledged, as after the restore of a backup
 * of the store. Both are read under the lock, where no push is under way.
 */
export async function realignRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    if (router.state !== 'Running') return;
    const client = await parts.hosts.client(router.host_id);
    const reports = await onHost(() => client.appliances());
    const serving: Identity | null = reports.find((report) => report.id === id)?.agent?.serving ?? null;
    if (sameIdentity(serving, await parts.pusher.acknowledged(id))) return;
    parts.log.warn('router serves another state than it acknowledged; pushing in full', { router: router.name });
    await parts.pusher.forgetAcknowledgement(id);
    await parts.pusher.bringUpToDate(router.network_id, lease);
  });
}

/** Stops a router. `forced`: it counts as stopped even where its host does not answer. */
export async function stopRouter(parts: Parts, id: string, forced: boolean): Promise<void> {
  await withRouter(parts, id, async (router) => {
    await setRouterState(parts, id, 'Stopping', null);
    try {
      await onHost(async () => (await parts.hosts.client(router.host_id)).powerAppliance(id, 'stop'));
    } catch (error) {
      if (!forced) {
        await setRouterState(parts, id, router.state, router.reason);
        throw error;
      }
    }
    await setRouterState(parts, id, 'Stopped', null);
  });
}

/** Stops a router's services and starts them again from its last document. */
export async function rebootRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    await setRouterState(parts, id, 'Starting', null);
    await onHost(async () => (await parts.hosts.client(router.host_id)).powerAppliance(id, 'reboot'));
    await startRouterOf(parts, { ...router, state: 'Starting' }, lease);
  });
}

/** Removes a router; the next start of an instance, or restartNetwork, makes a new one. */
export async function destroyRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router) => {
    if (router.host_id !== null) {
      await onHost(async () => (await parts.hosts.client(router.host_id)).deleteAppliance(id));
    }
    await parts.db.deleteFrom('router').where('id', '=', id).execute();
  });
}
