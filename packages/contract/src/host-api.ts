// The API of a host agent: HTTP with JSON bodies over the host's own Unix socket. What is on a host is told by PUT of the
// whole desired thing, so that a repeated call changes nothing.
import Type, { type Static } from 'typebox';
import { AgentStatusSchema } from './push.ts';
import {
  EntryIdSchema,
  HostnameSchema,
  InterfaceNameSchema,
  Ipv4AddressSchema,
  MacAddressSchema,
  PrefixLengthSchema,
} from './values.ts';

const closed = { additionalProperties: false } as const;

/**
 * A layer 2 segment of the host. `guest`: a bridge of the host agent's own, told apart by `vni` (the number of the
 * account network's broadcast domain). `public`: the bridge named `bridge` where an admin made one, else a bridge of the
 * host agent's own which carries `gateway` itself.
 */
export const SegmentSchema = Type.Union([
  Type.Object(
    { kind: Type.Literal('guest'), id: EntryIdSchema, vni: Type.Integer({ minimum: 1, maximum: 16_777_215 }) },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('public'),
      id: EntryIdSchema,
      bridge: Type.Optional(InterfaceNameSchema),
      gateway: Ipv4AddressSchema,
      prefixLength: PrefixLengthSchema,
    },
    closed,
  ),
]);
export type Segment = Static<typeof SegmentSchema>;

/** A NIC as its port on the segment sees it. Port security admits `macAddress` and `addresses` alone; null: a router's port. */
export const NicSchema = Type.Object(
  {
    name: InterfaceNameSchema,
    macAddress: MacAddressSchema,
    segment: SegmentSchema,
    addresses: Type.Union([Type.Array(Ipv4AddressSchema), Type.Null()]),
  },
  closed,
);
export type Nic = Static<typeof NicSchema>;

/** PUT /v1/appliances/:id makes and starts the router, or adopts it where it runs; its document comes by POST …/push. */
export const ApplianceSpecSchema = Type.Object(
  { kind: Type.Enum(['router']), nics: Type.Array(NicSchema, { minItems: 1, maxItems: 8 }) },
  closed,
);
export type ApplianceSpec = Static<typeof ApplianceSpecSchema>;

/** PUT /v1/instances/:id makes and starts a tenant's instance. */
export const InstanceSpecSchema = Type.Object(
  { hostname: HostnameSchema, nics: Type.Array(NicSchema, { minItems: 1, maxItems: 8 }) },
  closed,
);
export type InstanceSpec = Static<typeof InstanceSpecSchema>;

export const PowerStateSchema = Type.Enum(['Running', 'Stopped', 'Error']);

/** GET /v1/appliances and /v1/appliances/:id. */
export const ApplianceReportSchema = Type.Object(
  {
    id: EntryIdSchema,
    kind: Type.Enum(['router']),
    state: PowerStateSchema,
    reason: Type.Optional(Type.String()),
    agent: Type.Union([AgentStatusSchema, Type.Null()]),
  },
  closed,
);
export type ApplianceReport = Static<typeof ApplianceReportSchema>;

/** GET /v1/instances and /v1/instances/:id. `address` is what the DHCP lease gave, null until then. */
export const InstanceReportSchema = Type.Object(
  {
    id: EntryIdSchema,
    state: PowerStateSchema,
    reason: Type.Optional(Type.String()),
    address: Type.Union([Ipv4AddressSchema, Type.Null()]),
  },
  closed,
);
export type InstanceReport = Static<typeof InstanceReportSchema>;

/** GET /v1/host. `memoryBytes` is the machine's whole memory; `version` the host agent's. */
export const HostReportSchema = Type.Object(
  {
    installation: Type.String({ pattern: '^[a-z][a-z0-9]{3}$' }),
    hostname: Type.String(),
    driver: Type.Enum(['namespace']),
    version: Type.String(),
    cpus: Type.Integer({ minimum: 1 }),
    memoryBytes: Type.Integer({ minimum: 0 }),
    pid: Type.Integer({ minimum: 1 }),
  },
  closed,
);
export type HostReport = Static<typeof HostReportSchema>;

/**
 * GET and PUT /v1/appliances/:id/state: the part of a router's state that its document does not hold (such as leases), a
 * text of each service by the service's name. For the router that replaces it, before its first push.
 */
export const ApplianceStateSchema = Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), Type.String());
export type ApplianceState = Static<typeof ApplianceStateSchema>;

/**
 * Body of every answer of the host agent that is not 2xx, besides a Refusal (409 to a push). `invalid` 400, `not-found`
 * 404, `conflict` 423 (the request contradicts what is on the host; final until that changes), `failed` 500 (may be tried
 * again).
 */
export const HostErrorSchema = Type.Object(
  {
    code: Type.Enum(['invalid', 'not-found', 'conflict', 'failed']),
    message: Type.String(),
    detail: Type.Optional(Type.String()),
  },
  closed,
);
export type HostError = Static<typeof HostErrorSchema>;
