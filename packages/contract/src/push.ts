// What the orchestrator sends and what the agent answers.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { IdentitySchema } from './identity.ts';
import { type CollectionName, type RouterEntry, routerCollections, routerSettings } from './router-document.ts';
import { EntryIdSchema } from './values.ts';

const closed = { additionalProperties: false } as const;

const settings = Object.fromEntries(
  Object.entries(routerSettings).map(([name, schema]) => [name, Type.Optional(schema)]),
) as { [Name in keyof typeof routerSettings]: ReturnType<typeof Type.Optional<(typeof routerSettings)[Name]>> };

/** Upserted entries by id, removed ids. An id stands in at most one of the two. */
export type EntryChanges<Name extends CollectionName> = {
  upsert: Record<string, RouterEntry<Name>>;
  remove: string[];
};

const entries = Object.fromEntries(
  Object.entries(routerCollections).map(([name, schema]) => [
    name,
    Type.Optional(
      Type.Object({ upsert: Type.Record(EntryIdSchema, schema), remove: Type.Array(EntryIdSchema) }, closed),
    ),
  ]),
);

/**
 * A change of a router's document from `base` to `target`. With `base` null the push is full: it holds every section's
 * settings and every entry, and replaces what was there. `fencingToken` is the lease's: an agent refuses an older one.
 */
export const PushSchema = Type.Object(
  {
    fencingToken: Type.Integer({ minimum: 0 }),
    base: Type.Union([IdentitySchema, Type.Null()]),
    target: IdentitySchema,
    settings: Type.Object(settings, closed),
    entries: Type.Unsafe<{ [Name in CollectionName]?: EntryChanges<Name> }>(Type.Object(entries, closed)),
  },
  closed,
);
export type Push = Static<typeof PushSchema>;

/** The agent's answer to a push that it serves now. */
export const AcknowledgementSchema = Type.Object({ identity: IdentitySchema }, closed);
export type Acknowledgement = Static<typeof AcknowledgementSchema>;

/**
 * Why a push was refused; the last good state serves on.
 * - `invalid`: the push does not fit the schema, or an entry contradicts another. Final.
 * - `base-mismatch`: the agent is not at `base`, or the result's hash is not `target.hash`. Push in full.
 * - `stale-fencing-token`: another orchestrator has the lease: give it up. Or the store is older than the agent, from a
 *   backup: who holds the lease in the store raises its token.
 * - `rejected`: a daemon's own checker refused a staged file. Final.
 * - `failed`: a step of apply or verify failed; the state before it was restored. May be tried again.
 */
export const RefusalSchema = Type.Object(
  {
    code: Type.Enum(['invalid', 'base-mismatch', 'stale-fencing-token', 'rejected', 'failed']),
    /** Paths in the document that are at fault, such as `nat.portForwards.ID.publicPorts` or `dhcp.network`; may be empty. */
    paths: Type.Array(Type.String()),
    /** The service that refused, such as `dnsmasq` or `netfilter`. */
    service: Type.Optional(Type.String()),
    /** A sentence for a person: the field, the value, what was expected. */
    message: Type.String(),
    /** The daemon's own words. */
    detail: Type.Optional(Type.String()),
    /** What the agent serves. */
    serving: Type.Union([IdentitySchema, Type.Null()]),
    /** With `stale-fencing-token`: the newest that the agent has seen. */
    fencingToken: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  closed,
);
export type Refusal = Static<typeof RefusalSchema>;

export const ServiceHealthSchema = Type.Object(
  { service: Type.String(), healthy: Type.Boolean(), detail: Type.String(), checkedAt: Type.String() },
  closed,
);
export type ServiceHealth = Static<typeof ServiceHealthSchema>;

/** What an agent says of itself. */
export const AgentStatusSchema = Type.Object(
  { serving: Type.Union([IdentitySchema, Type.Null()]), services: Type.Array(ServiceHealthSchema) },
  closed,
);
export type AgentStatus = Static<typeof AgentStatusSchema>;
