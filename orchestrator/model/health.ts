// What the results of a router's health checks lead to.
import type { HealthCheckResult } from '@isthmus/contract';

/** More than this apart, the clocks of a router and of the orchestrator make certificates and leases end at wrong times. */
const mostClockDifferenceMs = 30_000;

/** Replacements of a network's router after failed checks: the second waits this long after the first, the next twice that. */
const firstPauseMs = 30 * 60_000;
const longestPauseMs = 24 * 3_600_000;
/** A network whose routers have been well for this long begins anew. */
export const forgetRecreationsMs = 24 * 3_600_000;

/** The router can be asked, or why not. */
export function connectivityResult(failure: string | null, checkedAt: Date): HealthCheckResult {
  return {
    name: 'connectivity.test',
    kind: 'basic',
    status: failure === null ? 'SUCCESS' : 'FAILURE',
    detail: failure ?? 'its agent answers',
    checkedAt: checkedAt.toISOString(),
  };
}

/** The router's clock against the orchestrator's, which was `before` as it asked and `after` as it was answered. */
export function clockResult(now: string, before: Date, after: Date): HealthCheckResult {
  const time = Date.parse(now);
  const late = Math.max(0, before.getTime() - time);
  const early = Math.max(0, time - after.getTime());
  const difference = Math.max(late, early);
  const detail = `differs from the orchestrator's by ${(difference / 1000).toFixed(1)} s, at most ${mostClockDifferenceMs / 1000} s expected`;
  const isRight = difference <= mostClockDifferenceMs;
  return {
    name: 'clock.test',
    kind: 'advanced',
    status: isRight ? 'SUCCESS' : 'FAILURE',
    detail,
    checkedAt: after.toISOString(),
  };
}

/** What a router runs and serves, and what it should. */
export interface RouterVersions {
  /** It serves the document that the orchestrator has from it as acknowledged. */
  readonly servesAcknowledged: boolean;
  /** Of its image; null for a router in a namespace, which runs its host agent's. */
  readonly version: string | null;
  /** Of the newest image; null where there is none. */
  readonly newest: string | null;
}

/** CloudStack's check of template and scripts: the document, and the software. */
export function versionResult(versions: RouterVersions, checkedAt: Date): HealthCheckResult {
  const { servesAcknowledged, version, newest } = versions;
  const isOld = version !== null && newest !== null && version !== newest;
  const software = version === null ? "runs its host agent's software" : `runs release ${version}`;
  const document = servesAcknowledged
    ? 'serves its newest document'
    : 'does not serve the document that it acknowledged';
  return {
    name: 'router_version_check.py',
    kind: 'basic',
    status: servesAcknowledged ? (isOld ? 'WARNING' : 'SUCCESS') : 'FAILURE',
    detail: `${document}; ${software}${isOld ? `, and there is release ${newest}` : ''}`,
    checkedAt: checkedAt.toISOString(),
  };
}

/** True where a network's router may be replaced (again) now. `last`: when it was; null for never. */
export function mayRecreate(attempts: number, last: Date | null, now: Date): boolean {
  if (last === null || attempts === 0) return true;
  const pauseMs = Math.min(firstPauseMs * 2 ** (attempts - 1), longestPauseMs);
  return now.getTime() >= last.getTime() + pauseMs;
}
