// Section `system`: the router itself.
import * as Type from 'typebox';
import { FqdnSchema, HostnameSchema } from '../values.ts';
import { HealthCheckSettingsSchema } from './health-checks.ts';

const closed = { additionalProperties: false } as const;

/** `conntrackMax` is the size of its connection tracking table, in flows. */
export const SystemSettingsSchema = Type.Object(
  {
    hostname: HostnameSchema,
    domain: FqdnSchema,
    conntrackMax: Type.Integer({ minimum: 1024, maximum: 16_777_216 }),
    healthChecks: Type.Optional(HealthCheckSettingsSchema),
  },
  closed,
);
