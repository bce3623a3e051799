// What a router's agent does on request, besides taking its document: POST …/operations/NAME with a JSON body, answered
// with JSON. `POST /v1/operations/NAME` of an agent in a VM, `POST /v1/appliances/:id/operations/NAME` of a host agent.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { diagnosticTools } from './diagnostics.ts';
import { EntryIdSchema, Ipv4AddressSchema, Ipv6AddressSchema } from './values.ts';

const closed = { additionalProperties: false } as const;
const CountSchema = Type.Integer({ minimum: 0 });
const empty = Type.Object({}, closed);

/** CloudStack's `basic` and `advanced` health checks. `UNKNOWN`: it could not be carried out. */
const HealthCheckResultSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9._]{1,64}$' }),
    kind: Type.Enum(['basic', 'advanced']),
    status: Type.Enum(['SUCCESS', 'FAILURE', 'WARNING', 'UNKNOWN']),
    /** For a person: what was tried, and what came of it. */
    detail: Type.String({ maxLength: 4096 }),
    /** ISO 8601. */
    checkedAt: Type.String(),
  },
  closed,
);

/**
 * Bytes that passed since counting began. `epoch` changes when counting begins anew, at zero: then nothing of the epoch
 * before is missing but what passed after it was last read. `publicAddress` absent: the guest network's whole traffic.
 * `sent`: out of the network, `received`: into it.
 */
const UsageSchema = Type.Object(
  {
    epoch: Type.String({ minLength: 1, maxLength: 64 }),
    counters: Type.Array(
      Type.Object(
        { publicAddress: Type.Optional(Ipv4AddressSchema), sentBytes: CountSchema, receivedBytes: CountSchema },
        closed,
      ),
    ),
  },
  closed,
);

/** One member of a load balancer as health checks find it, and its counters since its rule was made. */
const MemberStatisticsSchema = Type.Object(
  {
    rule: EntryIdSchema,
    /** Entry id in `loadBalancing.members`. */
    member: EntryIdSchema,
    state: Type.Enum(['up', 'down', 'draining', 'unchecked']),
    /** HAProxy's words for the last check, such as `L4OK` or `L7STS/503`; '' for none. */
    lastCheck: Type.String({ maxLength: 256 }),
    currentConnections: CountSchema,
    totalConnections: CountSchema,
    bytesIn: CountSchema,
    bytesOut: CountSchema,
  },
  closed,
);

/** One rule's own counters since it was made. */
const RuleStatisticsSchema = Type.Object(
  {
    rule: EntryIdSchema,
    currentConnections: CountSchema,
    totalConnections: CountSchema,
    deniedConnections: CountSchema,
    bytesIn: CountSchema,
    bytesOut: CountSchema,
  },
  closed,
);

/** Shape of each operation's request and answer. */
export const operations = {
  /** `fresh`: carried out now, not the last results. `now`: the router's clock as it answers, ISO 8601. */
  'health-checks': {
    request: Type.Object({ fresh: Type.Boolean() }, closed),
    answer: Type.Object({ results: Type.Array(HealthCheckResultSchema), now: Type.String() }, closed),
  },
  /**
   * `parameters`: further arguments of the tool, each a word that `diagnosticFault` lets pass. `exitCode` 124: ended after
   * `diagnosticSeconds`.
   */
  diagnostics: {
    request: Type.Object(
      {
        tool: Type.Enum([...diagnosticTools]),
        address: Type.Union([Ipv4AddressSchema, Ipv6AddressSchema]),
        parameters: Type.Array(Type.String({ pattern: '^[A-Za-z0-9._:-]{1,64}$' }), { maxItems: 16 }),
      },
      closed,
    ),
    answer: Type.Object({ stdout: Type.String(), stderr: Type.String(), exitCode: Type.Integer() }, closed),
  },
  /** Names of files and findings, each of the agent's own list; empty: the usual ones. The answer is a gzipped tar in base64. */
  'diagnostics-data': {
    request: Type.Object(
      { files: Type.Array(Type.String({ pattern: '^[A-Za-z0-9._/[\\]-]{1,255}$' }), { maxItems: 64 }) },
      closed,
    ),
    answer: Type.Object({ archive: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }) }, closed),
  },
  usage: { request: empty, answer: UsageSchema },
  'load-balancer-statistics': {
    request: empty,
    answer: Type.Object(
      { rules: Type.Array(RuleStatisticsSchema), members: Type.Array(MemberStatisticsSchema) },
      closed,
    ),
  },
  /** Versions of `metadata.passwords` that guests have fetched: none of them is given again. */
  'fetched-passwords': {
    request: empty,
    answer: Type.Object({ versions: Type.Array(Type.String()) }, closed),
  },
  /** Every tracked flow, with its translation and state: gzipped text in base64, for `import-flows` of the replacement. */
  'export-flows': {
    request: empty,
    answer: Type.Object({ flows: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }) }, closed),
  },
  /** Tracks the flows of `export-flows` besides those that are tracked already; says how many came and how many were there. */
  'import-flows': {
    request: Type.Object({ flows: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }) }, closed),
    answer: Type.Object({ taken: CountSchema, present: CountSchema }, closed),
  },
  /** Tells the neighbours of every NIC that its addresses are here now (gratuitous ARP). */
  announce: { request: empty, answer: empty },
} as const;

/** What can be asked of a router. */
export type OperationName = keyof typeof operations;
/** What an operation is asked with. */
export type OperationRequest<Name extends OperationName> = Static<(typeof operations)[Name]['request']>;
/** What an operation answers with. */
export type OperationAnswer<Name extends OperationName> = Static<(typeof operations)[Name]['answer']>;

/** Who carries an operation out, by its name. */
export type Operations = {
  readonly [Name in OperationName]?: (request: OperationRequest<Name>) => Promise<OperationAnswer<Name>>;
};

/** True for the name of an operation. */
export function isOperationName(name: string): name is OperationName {
  return Object.hasOwn(operations, name);
}

export type HealthCheckResult = Static<typeof HealthCheckResultSchema>;
export type Usage = Static<typeof UsageSchema>;
