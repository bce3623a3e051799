// A host that joins: its token is redeemed for a certificate. Each step is found again after a crash.
import { randomBytes } from 'node:crypto';
import { formatJoinToken } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import { JoinClient } from '../drivers/join-client.ts';
import type { HostTable } from '../store/schema.ts';
import { takeBack, writeReport } from './host-return.ts';
import type { Parts } from './parts.ts';
import { recordHostEvent } from './system-event.ts';
import { twinOf } from './twin-host.ts';

type Host = Selectable<HostTable>;

/** A new join token for a host's row: as text for the admin, and sealed for the row. */
export function newJoinToken(
  { sealer, certificates }: Pick<Parts, 'sealer' | 'certificates'>,
  hostId: string,
): { token: string; sealedSecret: string } {
  const secret = randomBytes(32).toString('base64url');
  const { installation } = certificates.identity;
  return { token: formatJoinToken({ installation, hostId, secret }), sealedSecret: sealer.seal(secret) };
}

/** Tries to join a host that has a token. True: it is Up. */
export async function join(parts: Parts, host: Host): Promise<boolean> {
  if (await hasJoined(parts, host)) return true;
  if (host.sealed_join_secret === null) return false;
  if (host.join_expires !== null && host.join_expires < new Date()) {
    const expired = `Its join token expired at ${host.join_expires.toISOString()}`;
    await noteReason(parts, host, `${expired}: call addHost again with its url for a new one`);
    return false;
  }
  try {
    await redeem(parts, host, host.sealed_join_secret);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    await noteReason(parts, host, `It has not joined yet: ${message}`);
    return false;
  }
  return hasJoined(parts, host);
}

/** By mutual TLS: a host that has its certificate has joined, whatever became of the answer that said so. */
async function hasJoined(parts: Parts, host: Host): Promise<boolean> {
  if ((await parts.certificates.certificateOf({ role: 'host', id: host.id })) === undefined) return false;
  const report = await parts.hosts
    .at(host.url, host.id)
    .report()
    .catch(() => null);
  if (report === null) return false;
  await parts.db.transaction().execute(async (trx) => {
    await writeReport({ db: trx }, host, report);
    await trx
      .updateTable('host')
      .set({
        sealed_join_secret: null,
        join_expires: null,
        ...(host.state === 'Connecting' && { name: report.hostname }),
      })
      .where('id', '=', host.id)
      .execute();
  });
  await takeBack(parts, host);
  parts.log.info('host has joined', { host: report.hostname, driver: report.driver });
  await recordHostEvent(parts.db, 'HOST.JOIN', 'INFO', `Host ${report.hostname} has joined`, host.id);
  return true;
}

async function redeem(parts: Parts, host: Host, sealedSecret: string): Promise<void> {
  const { installation } = parts.certificates.identity;
  const token = { installation, hostId: host.id, secret: parts.sealer.open(sealedSecret) };
  const client = new JoinClient(host.url, token);
  try {
    const { request, report } = await client.offer();
    if (report.installation !== installation) {
      throw new Error(`the host agent is of installation ${report.installation}: expected ${installation}`);
    }
    const twin = await twinOf(parts, report, host.id);
    if (twin !== null) throw new Error(`the host agent is that of host ${twin}: expected one that was not added yet`);
    const grant = await parts.certificates.grant({ role: 'host', id: host.id }, request);
    await client.grant({ installation, hostId: host.id, grant });
  } finally {
    client.close();
  }
}

async function noteReason(parts: Parts, host: Host, reason: string): Promise<void> {
  if (host.reason === reason || host.state !== 'Connecting') return;
  await parts.db.updateTable('host').set({ reason }).where('id', '=', host.id).execute();
}
