// Alerts of what happens to routers, system VMs and hosts, and the events beside them. A failure to record one stops nothing.
import type { ApplianceKind } from '@isthmus/contract';
import { consoleProxyAlert, consoleProxyMoveAlert, hostAlert, routerAlert, routerMoveAlert } from '../model/alert.ts';
import { noteAlert, raiseAlert, resolveAlert } from '../store/alert.ts';
import type { Parts } from './parts.ts';
import { recordHostEvent, recordSystemEvent } from './system-event.ts';

/** What of an appliance's row an alert tells. */
interface AlertedAppliance {
  readonly id: string;
  readonly name: string;
  readonly zone_id: string;
  readonly pod_id: string;
}

/** What of a host's row an alert tells. */
interface AlertedHost {
  readonly id: string;
  readonly name: string;
  readonly zone_id: string;
  readonly pod_id: string;
}

async function attempt({ log }: Pick<Parts, 'log'>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.error('an alert could not be recorded', { error: String(error) });
  }
}

function about(type: number, { id, zone_id, pod_id }: AlertedAppliance | AlertedHost, description: string) {
  return { type, description, resourceId: id, zoneId: zone_id, podId: pod_id };
}

interface AlertedKind {
  /** Numbers of model/alert.ts: of what is not well, and of what was moved. */
  readonly ill: number;
  readonly moved: number;
  readonly noun: string;
  /** Type of the event beside the alert, and of its resource. */
  readonly event: string;
  readonly resource: string;
}

const kinds: Readonly<Record<ApplianceKind, AlertedKind>> = {
  router: {
    ill: routerAlert,
    moved: routerMoveAlert,
    noun: 'Router',
    event: 'ALERT.DOMAIN.ROUTER',
    resource: 'DomainRouter',
  },
  'console-proxy': {
    ill: consoleProxyAlert,
    moved: consoleProxyMoveAlert,
    noun: 'Console proxy',
    event: 'ALERT.SERVICE.CONSOLEPROXY',
    resource: 'SystemVm',
  },
};

function recordApplianceEvent(
  db: Parts['db'],
  kind: ApplianceKind,
  id: string,
  told: { readonly level: 'ERROR' | 'INFO'; readonly description: string },
): Promise<void> {
  const { event, resource } = kinds[kind];
  return recordSystemEvent(db, { ...told, type: event, resource: { type: resource, id } });
}

/** An appliance is not well: an alert and an event when it begins, then the alert is counted. */
export function alertAppliance(
  parts: Pick<Parts, 'db' | 'log'>,
  kind: ApplianceKind,
  appliance: AlertedAppliance,
  words: string,
): Promise<void> {
  return attempt(parts, async () => {
    const { ill, noun } = kinds[kind];
    const description = `${noun} ${appliance.name}: ${words}`;
    if (!(await raiseAlert(parts.db, about(ill, appliance, description)))) return;
    parts.log.warn(`alert of a ${kind}`, { name: appliance.name, words });
    await recordApplianceEvent(parts.db, kind, appliance.id, { level: 'ERROR', description });
  });
}

/** An appliance is well again, where it was not. */
export function applianceRecovered(
  parts: Pick<Parts, 'db' | 'log'>,
  kind: ApplianceKind,
  appliance: AlertedAppliance,
): Promise<void> {
  return attempt(parts, async () => {
    const { ill, noun } = kinds[kind];
    const description = `${noun} ${appliance.name} is healthy again`;
    if (!(await resolveAlert(parts.db, about(ill, appliance, description)))) return;
    await recordApplianceEvent(parts.db, kind, appliance.id, { level: 'INFO', description });
  });
}

/** An appliance was started on another host, or replaced. */
export function applianceMoved(
  parts: Pick<Parts, 'db' | 'log'>,
  kind: ApplianceKind,
  appliance: AlertedAppliance,
  words: string,
): Promise<void> {
  const { moved, noun } = kinds[kind];
  return attempt(parts, () => noteAlert(parts.db, about(moved, appliance, `${noun} ${appliance.name}: ${words}`)));
}

/** A host is lost. `event`: the type of the event beside it. */
export function alertHost(
  parts: Pick<Parts, 'db' | 'log'>,
  host: AlertedHost,
  words: string,
  event: { readonly type: string; readonly level: 'WARN' | 'ERROR' },
): Promise<void> {
  return attempt(parts, async () => {
    const description = `Host ${host.name}: ${words}`;
    await raiseAlert(parts.db, about(hostAlert, host, description));
    await recordHostEvent(parts.db, event.type, event.level, description, host.id);
  });
}

/** A host is back, where it was lost. */
export function hostRecovered(parts: Pick<Parts, 'db' | 'log'>, host: AlertedHost): Promise<void> {
  return attempt(parts, async () => {
    await resolveAlert(parts.db, about(hostAlert, host, `Host ${host.name} is back`));
  });
}
