// A router's agent brought to the newest release while the router serves.
import { setTimeout as sleep } from 'node:timers/promises';
import { agentTrialSeconds, type Software } from '@isthmus/contract';
import { fileOfKind, type ImageManifest, manifestBytes, parseManifest } from '@isthmus/image-manifest';
import { ApiError } from '../model/api-error.ts';
import { ImageRefusedError } from '../store/image-folder.ts';
import type { Lease } from '../store/lease.ts';
import { onHost } from './hosts.ts';
import { type Router, touchEverything } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { withRouter } from './router.ts';

const lookEveryMs = 500;
/** An agent that hangs is ended after its time, the one before it starts, and a busy machine is slow at both. */
const outcomeWithinMs = (agentTrialSeconds + 120) * 1000;

/** Answers with what serves then, for a person. Throws 530 where the new agent did not come up: the old one serves on. */
export async function patchRouter(parts: Parts, id: string, forced: boolean): Promise<string> {
  let words = 'The router is gone';
  await withRouter(parts, id, async (router, lease) => {
    if (router.state !== 'Running') {
      throw new ApiError('parameter', `Router ${router.name} is in state ${router.state}: expected state Running`);
    }
    words = (await parts.agents.isVirtualMachine(router))
      ? await patchVirtualMachine(parts, router, forced)
      : await applyAnew(parts, router, lease);
  });
  return words;
}

/** Of a router in a namespace: its agent is a part of the host agent, which is updated with its host. */
async function applyAnew(parts: Parts, router: Router, lease: Lease): Promise<string> {
  await parts.db.transaction().execute((trx) => touchEverything(trx, router.network_id));
  await parts.pusher.forgetAcknowledgement(router.id);
  await parts.pusher.bringUpToDate(router.network_id, lease);
  const host = await onHost(async () => (await parts.hosts.client(router.host_id)).report());
  return `Router ${router.name} is served by the host agent of ${host.hostname}, version ${host.version}; its whole document was applied again`;
}

async function patchVirtualMachine(parts: Parts, router: Router, forced: boolean): Promise<string> {
  const image = await parts.images.current('router');
  const wanted = bundleOf(image.manifest as ImageManifest);
  if (wanted === null) {
    throw new ApiError('resourceUnavailable', `The image ${image.version} of routers has no bundle of its agent`);
  }
  const agent = parts.agents.inside(router);
  const before = await onHost(() => agent.updateReport());
  if (before.running.sha256 === wanted.sha256 && !forced) {
    await noteSoftware(parts, router, before.running);
    return `Router ${router.name} runs the agent of version ${before.running.version} already`;
  }
  await onHost(async () => agent.putUpdate(await updateOf(parts, image.id)));
  const now = await outcome(parts, router, wanted);
  await noteSoftware(parts, router, now);
  return `Router ${router.name} runs the agent of version ${now.version} now, instead of ${before.running.version}`;
}

/** The agent of an image; null where the image was built before there were bundles. */
export function bundleOf(manifest: ImageManifest): Software | null {
  const file = fileOfKind(parseManifest(manifestBytes(manifest)), 'bundle');
  return file === undefined ? null : { version: manifest.version, sha256: file.sha256 };
}

async function updateOf(parts: Parts, imageId: string) {
  try {
    return await parts.images.update(imageId);
  } catch (error) {
    if (!(error instanceof ImageRefusedError)) throw error;
    throw new ApiError('resourceUnavailable', error.message, { cause: error });
  }
}

/** Asks until the new agent is kept, or the old one is back. */
async function outcome(parts: Parts, router: Router, wanted: Software): Promise<Software> {
  const end = performance.now() + outcomeWithinMs;
  let last: unknown = null;
  for (;;) {
    await sleep(lookEveryMs);
    try {
      const agent = parts.agents.inside(router);
      const { running, trial, failed } = await agent.updateReport();
      if (failed?.software.sha256 === wanted.sha256) {
        const was = `Router ${router.name}: the agent of version ${wanted.version} did not come up, and that of version ${running.version} serves on`;
        throw new ApiError('internal', `${was}: ${failed.reason}`);
      }
      // To be asked for its status is what it is kept for.
      if (running.sha256 === wanted.sha256 && !trial) return running;
      await agent.status();
    } catch (error) {
      if (error instanceof ApiError) throw error;
      last = error;
    }
    if (parts.ending.aborted) throw new ApiError('resourceUnavailable', 'The orchestrator ends', { cause: last });
    if (performance.now() > end) {
      throw new ApiError('resourceUnavailable', `The agent of router ${router.name} did not answer after its update`, {
        cause: last,
      });
    }
  }
}

async function noteSoftware({ db }: Parts, { id }: Router, { version, sha256 }: Software): Promise<void> {
  await db
    .updateTable('router')
    .set({ software_version: version, software_sha256: sha256 })
    .where('id', '=', id)
    .execute();
}
