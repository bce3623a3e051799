// How many console proxies a zone needs, and which may go. Pure.
import type { RouterState } from './virtual-machine.ts';

/** A proxy as capacity sees it. */
export interface ProxyLoad {
  readonly id: string;
  readonly state: RouterState;
  /** Sessions that are open, or about to be. */
  readonly sessions: number;
  readonly isDraining: boolean;
  /** False: it says that it is not well. */
  readonly isHealthy: boolean;
  /** True once it has served anybody: where its start fails, another's would too. */
  readonly hasServed: boolean;
  /** Seconds without a session; null while it has one. */
  readonly idleSeconds: number | null;
}

/** Settings consoleproxy.session.max, .capacity.standby, .launch.max and .idle.wait. */
export interface ConsoleLimits {
  readonly sessionsPerProxy: number;
  readonly standby: number;
  readonly mostProxies: number;
  readonly idleSeconds: number;
}

/** What is to be done, all of it ids besides `deploy`: whether one more is needed. */
export interface CapacityPlan {
  readonly deploy: boolean;
  readonly undrain: readonly string[];
  readonly drain: readonly string[];
  readonly remove: readonly string[];
}

const nothing: CapacityPlan = { deploy: false, undrain: [], drain: [], remove: [] };

function isServing({ state, isDraining, isHealthy }: ProxyLoad): boolean {
  return !isDraining && (state === 'Starting' || (state === 'Running' && isHealthy));
}

function roomOf(proxies: readonly ProxyLoad[], { sessionsPerProxy }: ConsoleLimits): number {
  return proxies.reduce((room, { sessions }) => room + Math.max(0, sessionsPerProxy - sessions), 0);
}

function leastBusyFirst(proxies: readonly ProxyLoad[]): ProxyLoad[] {
  return [...proxies].sort((left, right) => left.sessions - right.sessions);
}

/**
 * One step towards as many proxies as `proxies` (the oldest first) need: with no more than `standby` room left, one that
 * drains serves again, else another is deployed; with more room than that without the least busy one, that one drains.
 * One that drains and was idle for long enough goes. `isWanted`: the zone has what consoles are for.
 */
export function planCapacity(proxies: readonly ProxyLoad[], limits: ConsoleLimits, isWanted: boolean): CapacityPlan {
  const remove = proxies
    .filter(({ isDraining, sessions }) => isDraining && sessions === 0)
    .filter(({ state, idleSeconds }) => state !== 'Running' || (idleSeconds ?? 0) >= limits.idleSeconds)
    .map(({ id }) => id);
  const others = proxies.filter(({ id }) => !remove.includes(id));
  const excess = others.filter(({ isDraining }) => !isDraining).length - limits.mostProxies;
  if (excess > 0) {
    const kept = leastBusyFirst(others.filter(({ isDraining }) => !isDraining));
    const surplus = [...kept.filter((each) => !isServing(each)), ...kept.filter(isServing)].slice(0, excess);
    return { ...nothing, remove, drain: surplus.map(({ id }) => id) };
  }
  const serving = others.filter(isServing);
  const lacks = isWanted && (serving.length === 0 || roomOf(serving, limits) <= limits.standby);
  if (lacks) return { ...nothing, remove, ...more(others, limits) };
  const [spare, ...rest] = leastBusyFirst(serving.filter(({ state }) => state === 'Running'));
  const isSpare = spare !== undefined && rest.length > 0 && roomOf(rest, limits) > limits.standby;
  return { ...nothing, remove, drain: isSpare ? [spare.id] : [] };
}

function more(proxies: readonly ProxyLoad[], { mostProxies }: ConsoleLimits): Pick<CapacityPlan, 'deploy' | 'undrain'> {
  const draining = proxies.filter(({ isDraining, state, isHealthy }) => isDraining && state === 'Running' && isHealthy);
  const busiest = leastBusyFirst(draining).at(-1);
  const serves = proxies.filter(({ isDraining }) => !isDraining).length;
  if (busiest !== undefined && serves < mostProxies) return { deploy: false, undrain: [busiest.id] };
  // What fails to come up at all, or is only starting, is no reason for one more of the same.
  const isStuck = proxies.some(({ state, hasServed }) => state === 'Starting' || (state === 'Error' && !hasServed));
  return { deploy: proxies.length < mostProxies && !isStuck, undrain: [] };
}
