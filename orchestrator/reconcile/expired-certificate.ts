// A peer that was away, or whose orchestrators were, until its certificate expired: renewed where it stands. It proves with
// the old key that it is the one that the certificate was issued to, and the database says that it was not revoked.
import { ApplianceClient } from '../drivers/appliance-client.ts';
import { HostClient } from '../drivers/host-client.ts';
import type { Subject } from './certificates.ts';
import type { Parts } from './parts.ts';

/** Renews the expired certificate of a host's agent; false where it is none of its own, or was revoked. */
export async function renewExpiredHost(
  parts: Parts,
  host: { readonly id: string; readonly url: string },
): Promise<boolean> {
  const identity = parts.certificates.renewingIdentity;
  return renew(parts, { role: 'host', id: host.id }, new HostClient(host.url, { hostId: host.id, identity }));
}

/** As `renewExpiredHost`, of an appliance that has an agent of its own. */
export async function renewExpiredAppliance(
  parts: Parts,
  { id, host_id: hostId }: { readonly id: string; readonly host_id: string | null },
): Promise<boolean> {
  const identity = parts.certificates.renewingIdentity;
  const openTunnel = async () => (await parts.hosts.client(hostId)).openTunnel(id);
  const renewed = await renew(parts, { role: 'appliance', id }, new ApplianceClient({ id, identity, openTunnel }));
  if (renewed) parts.agents.forget(id);
  return renewed;
}

async function renew(parts: Parts, subject: Subject, client: HostClient | ApplianceClient): Promise<boolean> {
  try {
    const request = await client.certificateRequest();
    const shown = client.shownSerialNumber();
    if (shown === null || !(await parts.certificates.mayRenew(subject, shown))) return false;
    await client.putCertificate(await parts.certificates.grant(subject, request));
    parts.log.info('an expired certificate is renewed', { ...subject });
    return true;
  } catch (error) {
    parts.log.warn('an expired certificate could not be renewed', { ...subject, error: String(error) });
    return false;
  } finally {
    client.close();
  }
}
