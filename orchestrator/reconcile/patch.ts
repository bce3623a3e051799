// An appliance's agent brought to the newest release while it serves.
import { setTimeout as sleep } from 'node:timers/promises';
import { agentTrialSeconds, type Software } from '@isthmus/contract';
import { fileOfKind, type ImageManifest, manifestBytes, parseManifest } from '@isthmus/image-manifest';
import { ApiError } from '../model/api-error.ts';
import { ImageRefusedError } from '../store/image-folder.ts';
import type { Lease } from '../store/lease.ts';
import { withAppliance } from './appliance.ts';
import type { ApplianceRow, Appliances } from './appliance-kind.ts';
import { onHost } from './hosts.ts';
import { touchEverything } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { routersOf } from './router-appliances.ts';

const lookEveryMs = 500;
/** An agent that hangs is ended after its time, the one before it starts, and a busy machine is slow at both. */
const outcomeWithinMs = (agentTrialSeconds + 120) * 1000;

/** As `patch`, of a router. */
export function patchRouter(parts: Parts, id: string, forced: boolean): Promise<string> {
  return patch(routersOf(parts), id, forced, ({ network_id: networkId }) =>
    parts.db.transaction().execute((trx) => touchEverything(trx, networkId)),
  );
}

/**
 * Answers with what serves then, for a person. Throws 530 where the new agent did not come up: the old one serves on.
 * `touch`: called before a whole document is applied anew.
 */
export async function patch<Row extends ApplianceRow>(
  all: Appliances<Row>,
  id: string,
  forced: boolean,
  touch: (row: Row) => Promise<void> = async () => undefined,
): Promise<string> {
  const { agents } = all.parts;
  let words = `The ${all.noun} is gone`;
  await withAppliance(all, id, async (row, lease) => {
    if (row.state !== 'Running') {
      throw new ApiError('parameter', `${titleOf(all, row)} is in state ${row.state}: expected state Running`);
    }
    if (await agents.isVirtualMachine(row)) {
      words = await patchVirtualMachine(all, row, forced);
    } else {
      await touch(row);
      words = await applyAnew(all, row, lease);
    }
  });
  return words;
}

/** Such as `Router r-4-VM`. */
function titleOf<Row extends ApplianceRow>({ noun }: Appliances<Row>, { name }: Row): string {
  return `${noun.charAt(0).toUpperCase()}${noun.slice(1)} ${name}`;
}

/** Of one that is no VM: its software is a part of the host agent, which is updated with its host. */
async function applyAnew<Row extends ApplianceRow>(all: Appliances<Row>, row: Row, lease: Lease): Promise<string> {
  await all.documents.forgetAcknowledgement(row.id);
  await all.bringUpToDate(row, lease);
  const host = await onHost(async () => (await all.parts.hosts.client(row.host_id)).report());
  return `${titleOf(all, row)} is served by the host agent of ${host.hostname}, version ${host.version}; its whole document was applied again`;
}

async function patchVirtualMachine<Row extends ApplianceRow>(
  all: Appliances<Row>,
  row: Row,
  forced: boolean,
): Promise<string> {
  const { agents, images } = all.parts;
  const image = await images.current(all.kind);
  const wanted = bundleOf(image.manifest as ImageManifest);
  if (wanted === null) {
    throw new ApiError('resourceUnavailable', `The image ${image.version} of ${all.noun} has no bundle of its agent`);
  }
  const agent = agents.inside(row);
  const before = await onHost(() => agent.updateReport());
  if (before.running.sha256 === wanted.sha256 && !forced) {
    await noteSoftware(all, row, before.running);
    return `${titleOf(all, row)} runs the agent of version ${before.running.version} already`;
  }
  await onHost(async () => agent.putUpdate(await updateOf(all.parts, image.id)));
  const now = await outcome(all, row, wanted);
  await noteSoftware(all, row, now);
  return `${titleOf(all, row)} runs the agent of version ${now.version} now, instead of ${before.running.version}`;
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
async function outcome<Row extends ApplianceRow>(all: Appliances<Row>, row: Row, wanted: Software): Promise<Software> {
  const { parts } = all;
  const end = performance.now() + outcomeWithinMs;
  let last: unknown = null;
  for (;;) {
    await sleep(lookEveryMs);
    try {
      const agent = parts.agents.inside(row);
      const { running, trial, failed } = await agent.updateReport();
      if (failed?.software.sha256 === wanted.sha256) {
        const was = `${titleOf(all, row)}: the agent of version ${wanted.version} did not come up, and that of version ${running.version} serves on`;
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
      throw new ApiError(
        'resourceUnavailable',
        `The agent of ${all.noun} ${row.name} did not answer after its update`,
        {
          cause: last,
        },
      );
    }
  }
}

async function noteSoftware<Row extends ApplianceRow>(
  all: Appliances<Row>,
  { id }: Row,
  { version, sha256 }: Software,
): Promise<void> {
  await all.change(id, { software_version: version, software_sha256: sha256 });
}
