// A router's health checks: carried out by itself as often as the document says, and when somebody asks.
import { defaultHealthChecks, type HealthCheckResult, type HealthCheckSettings } from '@isthmus/contract';
import type { Clock, Log } from '@isthmus/host';
import type { CheckFinding, HealthCheck, RouterService } from '@isthmus/router';
import { messageOf } from '../message-of.ts';
import { healthOf } from '../watch.ts';

type Kind = HealthCheckResult['kind'];
const kinds: readonly Kind[] = ['basic', 'advanced'];

/** A check that takes longer has failed. */
const longestMs = 30_000;
/** Changed settings are noticed within this time. */
const lookEveryMs = 10_000;
const detailLimit = 4096;

/** CloudStack's names of the services that it has too. */
const serviceNames: Readonly<Record<string, string>> = {
  dnsmasq: 'dhcp.service',
  haproxy: 'loadbalancing.service',
  metadata: 'webserver.service',
};

export interface HealthCheckOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly services: readonly RouterService[];
  /** Checks that no service makes. */
  readonly checks: readonly HealthCheck[];
  /** Of the document now; undefined where it does not say. */
  settings(): HealthCheckSettings | undefined;
  /** Mends a service, one of whose checks has failed. */
  heal(service: RouterService): Promise<void>;
}

/** What makes a check, and whose it is. */
interface Part {
  readonly check: HealthCheck;
  readonly service: RouterService | null;
}

/** A check: of one name several services may each make a part, such as the packet filters of IPv4 and IPv6. */
interface Listed {
  readonly name: string;
  readonly kind: Kind;
  readonly parts: readonly Part[];
}

/** The worst first. */
const statuses = ['FAILURE', 'WARNING', 'UNKNOWN', 'SUCCESS'] as const;

/** One finding of the parts': the worst status, and what the parts say that have it. */
function merged(findings: readonly CheckFinding[]): CheckFinding {
  const status = statuses.find((each) => findings.some((finding) => finding.status === each)) ?? 'UNKNOWN';
  const details = findings.filter((finding) => finding.status === status).map(({ detail }) => detail);
  return { status, detail: details.join('; ').slice(0, detailLimit) };
}

function serviceCheck(service: RouterService, clock: Clock): HealthCheck {
  return {
    name: serviceNames[service.name] ?? `${service.name}.service`,
    kind: 'basic',
    run: async () => {
      const { healthy, detail } = await healthOf(service, clock);
      return { status: healthy ? 'SUCCESS' : 'FAILURE', detail };
    },
  };
}

/** Basic checks first, each kind in the order of the services. */
function listChecks({ services, checks, clock }: HealthCheckOptions): Listed[] {
  const parts: Part[] = [
    ...checks.map((check) => ({ check, service: null })),
    // The agent heals these itself as it watches them.
    ...services.map((service) => ({ check: serviceCheck(service, clock), service: null })),
    ...services.flatMap((service) => (service.checks ?? []).map((check) => ({ check, service }))),
  ];
  return kinds.flatMap((kind) => {
    const byName = Map.groupBy(
      parts.filter(({ check }) => check.kind === kind),
      ({ check }) => check.name,
    );
    return [...byName].map(([name, own]) => ({ name, kind, parts: own }));
  });
}

export class HealthChecks {
  readonly #options: HealthCheckOptions;
  readonly #listed: readonly Listed[];
  readonly #results = new Map<string, HealthCheckResult>();
  readonly #dueMs = new Map<Kind, { readonly everyMs: number; readonly atMs: number }>();
  /** A round of each kind that is under way. */
  readonly #rounds = new Map<Kind, Promise<void>>();

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    this.#listed = listChecks(options);
  }

  /** The last results; `fresh`: of checks that are carried out now. Those that were never made are made now. */
  async results(fresh: boolean): Promise<HealthCheckResult[]> {
    const wanted = this.#wanted();
    const missing = kinds.filter((kind) =>
      wanted.some((each) => each.kind === kind && (fresh || !this.#results.has(each.name))),
    );
    await Promise.all(missing.map((kind) => this.#round(kind)));
    return this.#wanted().flatMap(({ name }) => this.#results.get(name) ?? []);
  }

  /** Carries out what is due until the signal. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(lookEveryMs, signal).catch(() => {});
      for (const kind of kinds) if (!signal.aborted && this.#isDue(kind)) await this.#round(kind);
    }
  }

  #settings(): HealthCheckSettings {
    return this.#options.settings() ?? defaultHealthChecks;
  }

  #wanted(): Listed[] {
    const { excluded } = this.#settings();
    return this.#listed.filter(({ name }) => !excluded.includes(name));
  }

  /** A router without settings of its own checks only what it is asked to. */
  #isDue(kind: Kind): boolean {
    const settings = this.#options.settings();
    const everyMs = kind === 'basic' ? settings?.basicIntervalMs : settings?.advancedIntervalMs;
    if (settings?.enabled !== true || everyMs === undefined || everyMs === 0) {
      this.#dueMs.delete(kind);
      return false;
    }
    const now = this.#options.clock.monotonicMs();
    const due = this.#dueMs.get(kind);
    // The first somewhere within the interval: the routers of a host do not all begin at once.
    const isDue = due !== undefined && due.everyMs === everyMs && now >= due.atMs;
    if (due?.everyMs !== everyMs) this.#dueMs.set(kind, { everyMs, atMs: now + Math.random() * everyMs });
    else if (isDue) this.#dueMs.set(kind, { everyMs, atMs: now + everyMs });
    return isDue;
  }

  /** A round that begins from now on. Those who wait for one that is under way share the next. */
  #round(kind: Kind): Promise<void> {
    const under = this.#rounds.get(kind);
    if (under === undefined) return this.#begin(kind);
    return under.then(() => this.#rounds.get(kind) ?? this.#begin(kind));
  }

  #begin(kind: Kind): Promise<void> {
    const round = this.#carryOut(kind).finally(() => this.#rounds.delete(kind));
    this.#rounds.set(kind, round);
    return round;
  }

  async #carryOut(kind: Kind): Promise<void> {
    const listed = this.#wanted().filter((each) => each.kind === kind);
    const failed = await Promise.all(
      listed.map(async ({ name, parts }) => {
        const findings = await Promise.all(parts.map(({ check }) => this.#finding(check)));
        const checkedAt = new Date(this.#options.clock.now()).toISOString();
        this.#results.set(name, { name, kind, ...merged(findings), checkedAt });
        return parts.filter((_, index) => findings[index]?.status === 'FAILURE').map(({ service }) => service);
      }),
    );
    for (const service of new Set(failed.flat())) if (service !== null) void this.#heal(service);
  }

  async #finding(check: HealthCheck): Promise<CheckFinding> {
    const end = new AbortController();
    const late = async (): Promise<CheckFinding> => {
      await this.#options.clock.sleep(longestMs, end.signal);
      return { status: 'FAILURE', detail: `the check did not end within ${longestMs} ms` };
    };
    const waiting = late();
    waiting.catch(() => {});
    try {
      return await Promise.race([check.run(), waiting]);
    } catch (error) {
      return { status: 'FAILURE', detail: messageOf(error) };
    } finally {
      end.abort(new Error('the check has ended'));
    }
  }

  async #heal(service: RouterService): Promise<void> {
    try {
      await this.#options.heal(service);
    } catch (error) {
      this.#options.log.error('a service could not be healed after a health check', { service: service.name, error });
    }
  }
}
