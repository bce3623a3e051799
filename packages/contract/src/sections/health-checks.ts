// Part of section `system`: which health checks a router carries out by itself, how often, and what they tolerate.
import type { Static } from 'typebox';
import * as Type from 'typebox';

const closed = { additionalProperties: false } as const;
const PercentSchema = Type.Number({ minimum: 0, maximum: 100 });
/** Milliseconds from one round to the next; 0: none by itself. */
const IntervalSchema = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });

/**
 * CloudStack's settings `router.health.checks.*`. `excluded`: names of checks that are not carried out, also not when
 * asked for. A usage above its limit fails, as does free disk space below `freeDiskBytes`.
 */
export const HealthCheckSettingsSchema = Type.Object(
  {
    enabled: Type.Boolean(),
    basicIntervalMs: IntervalSchema,
    advancedIntervalMs: IntervalSchema,
    excluded: Type.Array(Type.String({ pattern: '^[a-z0-9._]{1,64}$' }), { maxItems: 64 }),
    freeDiskBytes: Type.Integer({ minimum: 0 }),
    maxCpuPercent: PercentSchema,
    maxMemoryPercent: PercentSchema,
    maxConntrackPercent: PercentSchema,
  },
  closed,
);
export type HealthCheckSettings = Static<typeof HealthCheckSettingsSchema>;

/** What a router does whose document does not say: the defaults of CloudStack's settings. */
export const defaultHealthChecks: HealthCheckSettings = {
  enabled: true,
  basicIntervalMs: 3 * 60_000,
  advancedIntervalMs: 10 * 60_000,
  excluded: [],
  freeDiskBytes: 100 * 1024 * 1024,
  maxCpuPercent: 100,
  maxMemoryPercent: 100,
  maxConntrackPercent: 90,
};
