// An appliance that has an agent of its own brought up: its image on a host of VMs, its identity and first document on a
// config drive, its agent answering from inside.
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentStatus, type ApplianceSpec, type Identity, type Machine, sameIdentity } from '@isthmus/contract';
import { HostRefusedError, HostUnreachableError } from '../drivers/errors.ts';
import type { HostClient } from '../drivers/host-client.ts';
import { ApiError } from '../model/api-error.ts';
import type { ImageRow } from '../store/image.ts';
import type { Lease } from '../store/lease.ts';
import type { ApplianceRow, Appliances } from './appliance-kind.ts';
import { renewExpiredAppliance } from './expired-certificate.ts';
import { hostFailure } from './hosts.ts';
import { ensureImageOnHost } from './images.ts';
import type { Parts } from './parts.ts';

/** An appliance that did not come up on a host. `serialConsole`: its last lines there, for an admin; '' for none. */
export class ApplianceBootError extends ApiError {
  readonly serialConsole: string;

  constructor(message: string, serialConsole: string, cause: unknown) {
    super('resourceUnavailable', message, { cause });
    this.name = 'ApplianceBootError';
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

/** One attempt to bring an appliance up on the host that it has. */
interface Attempt<Row extends ApplianceRow> {
  readonly all: Appliances<Row>;
  readonly row: Row;
  readonly lease: Lease;
  readonly client: HostClient;
}

/**
 * Makes and starts an appliance on its host, or finds it running, and waits until its agent answers. An identity that is
 * absent, expired, revoked or lost with the state partition is replaced by a new one on a config drive. Throws
 * ApplianceBootError where it does not come up, 534 where the host cannot be reached.
 */
export async function bootAppliance<Row extends ApplianceRow>(
  all: Appliances<Row>,
  row: Row,
  spec: Pick<ApplianceSpec, 'nics' | 'dark'>,
  lease: Lease,
): Promise<void> {
  const attempt: Attempt<Row> = { all, row, lease, client: await all.parts.hosts.client(row.host_id) };
  try {
    await boot(attempt, spec);
  } catch (error) {
    if (error instanceof HostRefusedError) throw await bootError(attempt, error);
    throw hostFailure(error);
  }
}

async function boot<Row extends ApplianceRow>(
  attempt: Attempt<Row>,
  spec: Pick<ApplianceSpec, 'nics' | 'dark'>,
): Promise<void> {
  const { all, row, client } = attempt;
  const { log } = all.parts;
  const { machine, version } = await machineOf(attempt);
  const running = (await client.appliance(row.id))?.state === 'Running';
  const hasIdentity = row.bootstrapped && (await hasCertificate(attempt, running));
  let given = hasIdentity ? null : await giveIdentity(attempt);
  await client.putAppliance(row.id, { kind: all.kind, ...spec, ...(machine !== null && { machine }) });
  // What runs reads a config drive at its next boot alone.
  await client.powerAppliance(row.id, running && given !== null ? 'reboot' : 'start');
  let status = await waitForAgent(attempt, given).catch((error: unknown) => {
    if (given !== null || !(error instanceof ApplianceBootError)) throw error;
    log.warn(`a ${all.noun} does not answer; giving it a new identity`, { name: row.name, error: error.message });
    return null;
  });
  if (status === null) {
    given = await giveIdentity(attempt);
    await client.powerAppliance(row.id, 'reboot');
    status = await waitForAgent(attempt, given);
  }
  await noteStarted(attempt, status, given, version);
}

/** What its VM is made from, with the image on the host; null where the host has a process carry it. */
async function machineOf<Row extends ApplianceRow>({
  all,
  row,
  client,
}: Attempt<Row>): Promise<{ machine: Machine | null; version: string | null }> {
  const { parts } = all;
  if (!(await parts.agents.isVirtualMachine(row))) return { machine: null, version: null };
  const { id: imageId, version } = await imageOf(all, row);
  const { image, requirements } = await ensureImageOnHost(client, parts.images, imageId);
  await all.change(row.id, { image_id: imageId });
  return { machine: { image, ...(await sizeOf(parts, row, requirements)) }, version };
}

/** An appliance keeps the image that its disk was made from; a new one gets the newest. */
async function imageOf<Row extends ApplianceRow>({ parts, kind }: Appliances<Row>, row: Row): Promise<ImageRow> {
  const { images } = parts;
  return row.bootstrapped && row.image_id !== null ? images.row(row.image_id) : images.current(kind);
}

async function sizeOf(
  { db }: Parts,
  row: ApplianceRow,
  least: Pick<Machine, 'cpus' | 'memoryBytes'>,
): Promise<Pick<Machine, 'cpus' | 'memoryBytes'>> {
  const offering = await db
    .selectFrom('service_offering')
    .select(['cpu_number', 'memory'])
    .where('id', '=', row.service_offering_id)
    .executeTakeFirstOrThrow();
  return {
    cpus: Math.max(offering.cpu_number, least.cpus),
    memoryBytes: Math.max(offering.memory * mebibyte, least.memoryBytes),
  };
}

/** One that has expired is renewed, where it runs and still shows it. */
async function hasCertificate<Row extends ApplianceRow>(
  { all, row }: Attempt<Row>,
  running: boolean,
): Promise<boolean> {
  const good = await all.parts.certificates.certificateOf({ role: 'appliance', id: row.id });
  return good !== undefined || (running && (await renewExpiredAppliance(all.parts, row)));
}

/** A config drive with a new identity and, where the document may come with it, that. */
async function giveIdentity<Row extends ApplianceRow>({ all, row, lease, client }: Attempt<Row>): Promise<Given> {
  const { certificates, images } = all.parts;
  const subject = { role: 'appliance', id: row.id } as const;
  const imageKeys = (await images.trustedKeys()).slice(0, 16);
  const { installation } = certificates.identity;
  const { privateKey, grant, serialNumber } = await certificates.issueWithKey(subject);
  await all.documents.forgetAcknowledgement(row.id);
  const push = await all.firstPush(row, lease);
  await client.putConfigDrive(row.id, { installation, privateKey, grant, push, imageKeys });
  return { serialNumber, document: push?.target ?? null };
}

/** Polls the agent until it answers, and serves the document of its config drive if it is going to. */
async function waitForAgent<Row extends ApplianceRow>(
  attempt: Attempt<Row>,
  given: Given | null,
): Promise<AgentStatus> {
  const { row } = attempt;
  const { parts } = attempt.all;
  const waitMs = Number(await parts.setting('router.start.wait')) * 1000;
  const began = performance.now();
  const agent = parts.agents.inside(row);
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

/** What a person is told of one that did not come up: what failed, and what the host says of it. */
async function bootError<Row extends ApplianceRow>(
  { row, client, all }: Attempt<Row>,
  cause: unknown,
  waitMs?: number,
): Promise<ApplianceBootError> {
  const report = await client.appliance(row.id).catch(() => null);
  const host = await all.parts.db.selectFrom('host').select('name').where('id', '=', row.host_id).executeTakeFirst();
  const where = `The ${all.noun} ${row.name} did not come up on host ${host?.name ?? row.host_id}`;
  const within = waitMs === undefined ? '' : ` within ${waitMs / 1000} s`;
  const reason = report?.reason ?? (cause instanceof Error ? cause.message : String(cause));
  return new ApplianceBootError(`${where}${within}: ${reason}`, report?.serialConsole ?? '', cause);
}

/** What agent runs in it, as the row has it; null where the agent is too old to say. */
export async function softwareOf(
  { agents, log }: Pick<Parts, 'agents' | 'log'>,
  row: Pick<ApplianceRow, 'id' | 'host_id' | 'name'>,
): Promise<{ software_version: string | null; software_sha256: string | null }> {
  try {
    const { running } = await agents.inside(row).updateReport();
    return { software_version: running.version, software_sha256: running.sha256 };
  } catch (error) {
    log.info('an appliance does not say which agent runs in it', { name: row.name, error: String(error) });
    return { software_version: null, software_sha256: null };
  }
}

/** The agent answered with its identity, so that it is on its disk: the drive goes, and what it carried counts. */
async function noteStarted<Row extends ApplianceRow>(
  { all, row, client }: Attempt<Row>,
  { serving }: AgentStatus,
  given: Given | null,
  version: string | null,
): Promise<void> {
  const { documents, parts } = all;
  if (given !== null) {
    await client.ejectConfigDrive(row.id);
    await parts.certificates.revoke({ role: 'appliance', id: row.id }, given.serialNumber);
  }
  const isGiven = serving !== null && sameIdentity(serving, given?.document ?? null);
  if (isGiven) await documents.acknowledge(row.id, serving);
  else if (!sameIdentity(serving, await documents.acknowledged(row.id))) await documents.forgetAcknowledgement(row.id);
  const report = await client.appliance(row.id);
  const software = await softwareOf(parts, row);
  const address = report?.controlAddress ?? null;
  await all.change(row.id, { bootstrapped: true, link_local_address: address, version, ...software });
}
