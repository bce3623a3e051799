// A host agent on a Unix socket gets a certificate from its orchestrator once there are hosts that joined, so that it can
// lead to their consoles.
import { mkdtemp, rm } from 'node:fs/promises';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { serveCertificates } from '../../host-agent/src/api/identity-routes.ts';
import { createApp } from '../../host-agent/src/api/server.ts';
import { HostCertificates } from '../../host-agent/src/identity/host-certificates.ts';
import { openLoneMembership } from '../../host-agent/src/identity/membership.ts';
import { CertificateRotation } from '../../orchestrator/reconcile/certificate-rotation.ts';
import { serialNumberOf } from '../../orchestrator/reconcile/certificates.ts';
import { startSimulatedCloud } from '../../orchestrator/reconcile/simulated-cloud-fixture.ts';

const { files } = createHost({ log: silentLog });

test('it has one as soon as another host joined, renewed in time, and again where it lost it', async (t) => {
  const cloud = await startSimulatedCloud(2);
  const directory = await mkdtemp('/tmp/isthmus-local-');
  const { parts, db } = cloud;
  const { installation } = parts.certificates.identity;
  const served = async (state: string, socket: string) => {
    const { store, membership } = await openLoneMembership(files, { installation, state });
    const certificates = new HostCertificates(store, membership, () => undefined);
    const app = createApp();
    serveCertificates(app, certificates);
    await app.listen({ path: socket });
    return { certificates, app };
  };
  const first = await served(`${directory}/one`, `${directory}/one.sock`);
  t.teardown(async () => {
    await first.app.close();
    await cloud.close();
    await rm(directory, { recursive: true, force: true });
  });
  const [local, other] = await db.selectFrom('host').select('id').orderBy('id').execute();
  if (local === undefined || other === undefined) throw new Error('expected two hosts');
  const isIts = db.updateTable('host').where('id', '=', local.id);
  await isIts.set({ url: `unix:${directory}/one.sock` }).execute();
  await db
    .updateTable('host')
    .where('id', '=', other.id)
    .set({ url: `unix:${directory}/two.sock` })
    .execute();

  const rotation = new CertificateRotation(parts);
  await rotation.round();
  t.is(first.certificates.identity, null, 'no host joined');
  await db.updateTable('host').where('id', '=', other.id).set({ url: 'https://127.0.0.1:1' }).execute();
  await rotation.round();
  const serial = () => serialNumberOf(first.certificates.identity?.grant.certificate ?? '');
  t.is(first.certificates.identity?.hostId, local.id);
  const one = serial();
  await rotation.round();
  t.is(serial(), one, 'it is not due yet');
  const days = (count: number) => new Date(Date.now() + count * 86_400_000);
  const aged = { created: days(-4), not_after: days(3) };
  await db.updateTable('certificate').set(aged).where('serial_number', '=', one).execute();
  await rotation.round();
  const two = serial();
  t.not(two, one);

  // The machine was set up anew: the database says that it has a certificate.
  const again = await served(`${directory}/again`, `${directory}/again.sock`);
  t.teardown(() => again.app.close());
  await isIts.set({ url: `unix:${directory}/again.sock` }).execute();
  await new CertificateRotation(parts).round();
  t.is(again.certificates.identity?.hostId, local.id);
});
