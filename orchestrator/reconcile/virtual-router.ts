// A router in a VM brought up: its image on the host, its identity and first document on a config drive, its agent
// answering from inside.
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentStatus, type ApplianceSpec, type Identity, type Machine, sameIdentity } from '@isthmus/contract';
import { HostRefusedError, HostUnreachableError } from '../drivers/errors.ts';
import type { HostClient } from '../drivers/host-client.ts';
import { ApiError } from '../model/api-error.ts';
import type { ImageRow } from '../store/image.ts';
import type { Lease } from '../store/lease.ts';
import { renewExpiredRouter } from './expired-certificate.ts';
import { hostFailure } from './hosts.ts';
import { ensureImageOnHost } from './images.ts';
import { darkness, type Router } from './network-rows.ts';
import type { Parts } from './parts.ts';

/** A router whose VM did not come up on a host. `serialConsole`: its last lines there, for an admin; '' for none. */
export class RouterBootError extends ApiError {
  readonly serialConsole: string;

  constructor(message: string, serialConsole: string, cause: unknown) {
    super('resourceUnavailable', message, { cause });
    this.name = 'RouterBootError';
    this.serialConsole = serialConsole;
  }
}

const mebibyte = 1024 * 1024;
const lookEveryMs = 250;
/** An agent that answers without a document yet is about to serve the one of its config drive, or never will. */
const documentWaitMs = 30_000;
/** A host agent that restarts is back within this time. */
const hostPatienceMs = 15_000;

/** What a config drive carried. */
interface Given {
  readonly serialNumber: string;
  /** Null where the document is to be pushed later. */
  readonly document: Identity | null;
}

/** One attempt to bring a router's VM up on the host that it has. */
interface Attempt {
  readonly parts: Parts;
  readonly router: Router;
  readonly lease: Lease;
  readonly client: HostClient;
}

/**
 * Makes and starts the router's VM on its host, or finds it running, and waits until its agent answers. An identity that
 * is absent, expired, revoked or lost with the state partition is replaced by a new one on a config drive. Throws
 * RouterBootError where the VM does not come up, 534 where the host cannot be reached.
 */
export async function bootVirtualRouter(
  parts: Parts,
  router: Router,
  nics: ApplianceSpec['nics'],
  lease: Lease,
): Promise<void> {
  const attempt: Attempt = { parts, router, lease, client: await parts.hosts.client(router.host_id) };
  try {
    await boot(attempt, nics);
  } catch (error) {
    if (error instanceof HostRefusedError) throw await bootError(attempt, error);
    throw hostFailure(error);
  }
}

async function boot(attempt: Attempt, nics: ApplianceSpec['nics']): Promise<void> {
  const { parts, router, client } = attempt;
  const { id: imageId, version } = await imageOf(parts, router);
  const { image, requirements } = await ensureImageOnHost(client, parts.images, imageId);
  const machine = { image, ...(await sizeOf(parts, router, requirements)) };
  await parts.db.updateTable('router').set({ image_id: imageId }).where('id', '=', router.id).execute();
  const running = (await client.appliance(router.id))?.state === 'Running';
  const hasIdentity = router.bootstrapped && (await hasCertificate(parts, router, running));
  let given = hasIdentity ? null : await giveIdentity(attempt);
  await client.putAppliance(router.id, { kind: 'router', nics, machine, ...darkness(router) });
  // What runs reads a config drive at its next boot alone.
  await client.powerAppliance(router.id, running && given !== null ? 'reboot' : 'start');
  let status = await waitForAgent(attempt, given).catch((error: unknown) => {
    if (given !== null || !(error instanceof RouterBootError)) throw error;
    parts.log.warn('router does not answer; giving it a new identity', { router: router.name, error: error.message });
    return null;
  });
  if (status === null) {
    given = await giveIdentity(attempt);
    await client.powerAppliance(router.id, 'reboot');
    status = await waitForAgent(attempt, given);
  }
  await noteStarted(attempt, status, given, version);
}

/** A router keeps the image that its disk was made from; a new one gets the newest. */
async function imageOf({ images }: Parts, router: Router): Promise<ImageRow> {
  return router.bootstrapped && router.image_id !== null ? images.row(router.image_id) : images.current('router');
}

async function sizeOf(
  { db }: Parts,
  router: Router,
  least: Pick<Machine, 'cpus' | 'memoryBytes'>,
): Promise<Pick<Machine, 'cpus' | 'memoryBytes'>> {
  const offering = await db
    .selectFrom('service_offering')
    .select(['cpu_number', 'memory'])
    .where('id', '=', router.service_offering_id)
    .executeTakeFirstOrThrow();
  return {
    cpus: Math.max(offering.cpu_number, least.cpus),
    memoryBytes: Math.max(offering.memory * mebibyte, least.memoryBytes),
  };
}

/** One that has expired is renewed, where the VM runs and still shows it. */
async function hasCertificate(parts: Parts, router: Router, running: boolean): Promise<boolean> {
  const good = await parts.certificates.certificateOf({ role: 'appliance', id: router.id });
  return good !== undefined || (running && (await renewExpiredRouter(parts, router)));
}

/** A config drive with a new identity and, where no state of another router has to come first, the whole document. */
async function giveIdentity({ parts, router, lease, client }: Attempt): Promise<Given> {
  const subject = { role: 'appliance', id: router.id } as const;
  const imageKeys = (await parts.images.trustedKeys()).slice(0, 16);
  const { installation } = parts.certificates.identity;
  const { privateKey, grant, serialNumber } = await parts.certificates.issueWithKey(subject);
  await parts.pusher.forgetAcknowledgement(router.id);
  const push = router.handover === null ? await parts.pusher.fullPush(router, lease) : null;
  await client.putConfigDrive(router.id, { installation, privateKey, grant, push, imageKeys });
  return { serialNumber, document: push?.target ?? null };
}

/** Polls the agent until it answers, and serves the document of its config drive if it is going to. */
async function waitForAgent(attempt: Attempt, given: Given | null): Promise<AgentStatus> {
  const { parts, router } = attempt;
  const waitMs = Number(await parts.setting('router.start.wait')) * 1000;
  const began = performance.now();
  const agent = parts.agents.inside(router);
  let answeredAt: number | null = null;
  let hostGoneAt: number | null = null;
  for (;;) {
    const now = performance.now();
    try {
      const status = await agent.status();
      answeredAt ??= now;
      hostGoneAt = null;
      const document = given?.document ?? null;
      const isWaiting = document !== null && status.serving === null && now - answeredAt < documentWaitMs;
      if (!isWaiting) return status;
    } catch (error) {
      hostGoneAt = error instanceof HostUnreachableError ? (hostGoneAt ?? now) : null;
      if (hostGoneAt !== null && now - hostGoneAt > hostPatienceMs) throw error;
      if (parts.ending.aborted) throw new ApiError('resourceUnavailable', 'The orchestrator ends', { cause: error });
      if (now - began > waitMs) throw await bootError(attempt, error, waitMs);
    }
    await sleep(lookEveryMs);
  }
}

/** What a person is told of a VM that did not come up: what failed, and what the host says of it. */
async function bootError(
  { router, client, parts }: Attempt,
  cause: unknown,
  waitMs?: number,
): Promise<RouterBootError> {
  const report = await client.appliance(router.id).catch(() => null);
  const host = await parts.db.selectFrom('host').select('name').where('id', '=', router.host_id).executeTakeFirst();
  const where = `The router ${router.name} did not come up on host ${host?.name ?? router.host_id}`;
  const within = waitMs === undefined ? '' : ` within ${waitMs / 1000} s`;
  const reason = report?.reason ?? (cause instanceof Error ? cause.message : String(cause));
  return new RouterBootError(`${where}${within}: ${reason}`, report?.serialConsole ?? '', cause);
}

/** What agent runs in a VM, as the row has it; null where the agent is too old to say. */
export async function softwareOf(
  { agents, log }: Pick<Parts, 'agents' | 'log'>,
  router: Pick<Router, 'id' | 'host_id' | 'name'>,
): Promise<{ software_version: string | null; software_sha256: string | null }> {
  try {
    const { running } = await agents.inside(router).updateReport();
    return { software_version: running.version, software_sha256: running.sha256 };
  } catch (error) {
    log.info('a router does not say which agent runs in it', { router: router.name, error: String(error) });
    return { software_version: null, software_sha256: null };
  }
}

/** The agent answered with its identity, so that it is on its disk: the drive goes, and what it carried counts. */
async function noteStarted(
  { parts, router, client }: Attempt,
  { serving }: AgentStatus,
  given: Given | null,
  version: string,
): Promise<void> {
  if (given !== null) {
    await client.ejectConfigDrive(router.id);
    await parts.certificates.revoke({ role: 'appliance', id: router.id }, given.serialNumber);
  }
  const isGiven = serving !== null && sameIdentity(serving, given?.document ?? null);
  if (isGiven) await parts.pusher.acknowledge(router.id, serving);
  else if (!sameIdentity(serving, await parts.pusher.acknowledged(router.id))) {
    await parts.pusher.forgetAcknowledgement(router.id);
  }
  const report = await client.appliance(router.id);
  const software = await softwareOf(parts, router);
  await parts.db
    .updateTable('router')
    .set({ bootstrapped: true, link_local_address: report?.controlAddress ?? null, version, ...software })
    .where('id', '=', router.id)
    .execute();
}
