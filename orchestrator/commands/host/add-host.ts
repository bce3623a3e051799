import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { HostTable } from '../../store/schema.ts';
import { type CommandContext, type ResponseObject, syncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHosts } from './response.ts';

type Host = Selectable<HostTable>;

const socketUrl = /^unix:\/[\w./-]{1,106}$/;
const joinUrl = /^https:\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:]{2,39}\]):([1-9]\d{0,4})$/;

function isJoinUrl(url: string): boolean {
  const [, port] = joinUrl.exec(url) ?? [];
  return port !== undefined && Number(port) <= 65_535;
}

/** Where a host stands, and whether it takes machines. */
interface Place {
  readonly zone: EntityRow<'zone'>;
  readonly pod: EntityRow<'pod'>;
  readonly cluster: EntityRow<'cluster'>;
  readonly url: string;
  readonly resourceState: 'Enabled' | 'Disabled';
}

/**
 * addHost: `url` is where the host agent listens: `unix:/PATH` on this machine, `https://ADDRESS:8250` of a host that joins
 * with the token of the answer. A host that was added and has not joined, or whose certificate has ended, gets a new token
 * by the same call. The answer is a list of one, as the field has it.
 */
export const addHost = syncCommand({
  name: 'addHost',
  description: 'Adds a host',
  roles: ['Admin'],
  parameters: {
    zoneid: p.entity('zone').required('Its zone'),
    podid: p.entity('pod').required('Its pod'),
    clusterid: p.entity('cluster').optional('Its cluster; or give clustername'),
    clustername: p.text.optional('The name of its cluster'),
    hypervisor: p.oneOf('KVM').required('Hypervisor of its cluster: KVM'),
    url: p.text.required(
      'Where its host agent listens: unix:/PATH/OF/SOCKET, or https://ADDRESS:8250 of one that joins',
    ),
    username: p.text.optional('Taken and ignored: no password opens a host agent'),
    password: p.opaque.optional('Taken and ignored', { secret: true }),
    allocationstate: p.oneOf('Enabled', 'Disabled').optional('Whether it takes new VMs'),
    hosttags: p.textList.optional('Taken and ignored: there are no host tags yet'),
  },
  responseKey: null,
  responseFields: hostFields,
  handler: async (context, { zoneid: zone, podid: pod, clusterid, ...parameters }) => {
    const { db } = context;
    if (pod.zone_id !== zone.id) throw parameterError('podid', pod.id, `a pod of zone ${zone.name}`);
    const cluster =
      clusterid ??
      (await db
        .selectFrom('cluster')
        .selectAll()
        .where('pod_id', '=', pod.id)
        .where('name', '=', parameters.clustername ?? '')
        .executeTakeFirst());
    if (cluster === undefined) {
      throw parameterError('clustername', parameters.clustername, 'clusterid, or the name of a cluster of the pod');
    }
    if (cluster.pod_id !== pod.id) throw parameterError('clusterid', cluster.id, `a cluster of pod ${pod.name}`);
    const { url } = parameters;
    if (!socketUrl.test(url) && !isJoinUrl(url)) {
      throw parameterError('url', url, "unix: and the absolute path of a host agent's socket, or https://ADDRESS:PORT");
    }
    const place: Place = { zone, pod, cluster, url, resourceState: parameters.allocationstate ?? 'Enabled' };
    const known = await db.selectFrom('host').selectAll().where('url', '=', url).forUpdate().executeTakeFirst();
    if (isJoinUrl(url)) return inviteHost(context, place, known);
    if (known !== undefined) throw alreadyAdded(known);
    return addHostOfThisMachine(context, place);
  },
});

function alreadyAdded(host: Host) {
  return parameterError('url', host.url, `a host that was not added yet; it is host ${host.name}`);
}

async function addHostOfThisMachine(
  { db, event, orchestration }: CommandContext,
  place: Place,
): Promise<ResponseObject> {
  const report = await orchestration.probeHost(place.url);
  const host = await db
    .insertInto('host')
    .values({
      zone_id: place.zone.id,
      pod_id: place.pod.id,
      cluster_id: place.cluster.id,
      name: report.name,
      url: place.url,
      driver: report.driver,
      resource_state: place.resourceState,
      cpus: report.cpus,
      memory: report.memoryBytes,
      version: report.version,
      last_pinged: new Date(),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await event('HOST.CREATE', `Added host ${host.name}`, { type: 'Host', id: host.id });
  return { count: 1, host: await presentHosts(db, [host]) };
}

/** A row that waits for its host agent, and the token with which that joins. A host that is Up needs none. */
async function inviteHost(
  { db, event, orchestration, setting }: CommandContext,
  place: Place,
  known: Host | undefined,
): Promise<ResponseObject> {
  if (known !== undefined && (known.state === 'Up' || known.cluster_id !== place.cluster.id)) throw alreadyAdded(known);
  const id = known?.id ?? randomUUID();
  const { token, sealedSecret } = orchestration.newJoinToken(id);
  const lifetimeMs = Math.max(1, Number(await setting('host.join.token.lifetime'))) * 1000;
  const invitation = { sealed_join_secret: sealedSecret, join_expires: new Date(Date.now() + lifetimeMs) };
  const host =
    known === undefined
      ? await db
          .insertInto('host')
          .values({
            id,
            zone_id: place.zone.id,
            pod_id: place.pod.id,
            cluster_id: place.cluster.id,
            name: new URL(place.url).hostname,
            url: place.url,
            driver: null,
            state: 'Connecting',
            resource_state: place.resourceState,
            cpus: 0,
            memory: 0,
            version: '',
            last_pinged: null,
            ...invitation,
          })
          .returningAll()
          .executeTakeFirstOrThrow()
      : await db
          .updateTable('host')
          .set({ ...invitation, ...(known.state === 'Connecting' && { reason: null }) })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow();
  const what = known === undefined ? `Added host ${host.name}` : `Made a new join token for host ${host.name}`;
  await event('HOST.CREATE', what, { type: 'Host', id });
  const [shown] = await presentHosts(db, [host]);
  const details = { ...(shown?.details as Record<string, string>), jointoken: token };
  return { count: 1, host: [{ ...shown, jointoken: token, details }] };
}
