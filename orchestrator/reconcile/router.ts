// A router started, stopped, rebooted and destroyed by its admin.
import { sameIdentity } from '@isthmus/contract';
import type { Lease } from '../store/lease.ts';
import { onHost } from './hosts.ts';
import { keepLastBytes } from './metering.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { endRouter } from './router-removal.ts';
import { setRouterState, startRouterOf } from './router-start.ts';

/** Works on a router while nobody else works on its network. No work where it is gone. */
export async function withRouter(
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
    if (!['Running', 'Starting', 'Error'].includes(router.state)) return;
    // A VM that is being started again is seen as such; a router in a namespace is back at once.
    const isStarting = (await parts.agents.isVirtualMachine(router)) && !(await answers(parts, router));
    await startRouterOf(parts, isStarting ? { ...router, state: 'Starting' } : router, lease, router.state);
  });
}

async function answers(parts: Parts, router: Router): Promise<boolean> {
  try {
    await parts.agents.inside(router).status();
    return true;
  } catch {
    return false;
  }
}

/** Starts a router of a fenced host elsewhere, unless it has left that host already. */
export async function reviveRouterOf(parts: Parts, id: string, fencedHostId: string): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    if (router.host_id !== fencedHostId) return;
    if (router.state === 'Stopping') await setRouterState(parts, id, 'Stopped', null);
    // Not Running any more, whatever becomes of its start: a rule that waits for it is only stored until then.
    else if (router.state !== 'Stopped') await startRouterOf(parts, { ...router, state: 'Starting' }, lease);
  });
}

/** Takes a router off a host that is about to be removed, and starts it elsewhere where it should run. */
export async function takeRouterOff(parts: Parts, id: string, host: { readonly id: string }): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    if (router.host_id !== host.id) return;
    await endRouter(parts, router);
    const left = await parts.db
      .updateTable('router')
      .set({ host_id: null, bootstrapped: false, link_local_address: null })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
    if (router.state === 'Stopped' || router.state === 'Stopping') return setRouterState(parts, id, 'Stopped', null);
    try {
      await startRouterOf(parts, { ...left, state: 'Starting' }, lease);
    } catch (error) {
      parts.log.warn('a router of a removed host could not be started elsewhere', { router: left.name, error });
    }
  });
}

/**
 * Pushes the whole document where a router serves another state than it acknowledged, as after the restore of a backup
 * of the store. Both are read under the lock, where no push is under way.
 */
export async function realignRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    if (router.state !== 'Running') return;
    const { serving } = await onHost(async () => (await parts.agents.of(router)).status());
    if (sameIdentity(serving, await parts.pusher.acknowledged(id))) return;
    parts.log.warn('router serves another state than it acknowledged; pushing in full', { router: router.name });
    await parts.pusher.forgetAcknowledgement(id);
    await parts.pusher.bringUpToDate(router.network_id, lease);
  });
}

/** Stops a router. `forced`: it counts as stopped even where its host does not answer. */
export async function stopRouter(parts: Parts, id: string, forced: boolean): Promise<void> {
  await withRouter(parts, id, async (router) => {
    await keepLastBytes(parts, router);
    await setRouterState(parts, id, 'Stopping', null);
    try {
      await parts.hosts.end(router.host_id, (client) => client.powerAppliance(id, 'stop'));
    } catch (error) {
      if (!forced) {
        await setRouterState(parts, id, router.state, router.reason);
        throw error;
      }
    }
    parts.agents.forget(id);
    await setRouterState(parts, id, 'Stopped', null);
  });
}

/** Stops a router's services and starts them again from its last document. */
export async function rebootRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    await keepLastBytes(parts, router);
    await setRouterState(parts, id, 'Starting', null);
    await onHost(async () => (await parts.hosts.client(router.host_id)).powerAppliance(id, 'reboot'));
    parts.agents.forget(id);
    await startRouterOf(parts, { ...router, state: 'Starting' }, lease);
  });
}

/** Removes a router; the next start of an instance, or restartNetwork, makes a new one. */
export async function destroyRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router) => {
    await endRouter(parts, router);
    await parts.db.deleteFrom('router').where('id', '=', id).execute();
  });
}
