// Section `loadBalancing`: connections to public addresses shared between guests.
import * as Type from 'typebox';
import { EntryIdSchema, InterfaceNameSchema, Ipv4AddressSchema, Ipv4CidrSchema, PortSchema } from '../values.ts';

const closed = { additionalProperties: false } as const;

/** Milliseconds, from 1 ms to 24 days (HAProxy's own limit). */
const MillisecondsSchema = Type.Integer({ minimum: 1, maximum: 2_073_600_000 });

/** RFC 6265's token: the name of a cookie. */
const CookieNameSchema = Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$" });

/** `hardStopAfterMs`: how long connections of a configuration that was replaced may go on. */
export const LoadBalancingSettingsSchema = Type.Object(
  {
    enabled: Type.Boolean(),
    publicInterface: Type.Optional(InterfaceNameSchema),
    maxConnections: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    hardStopAfterMs: MillisecondsSchema,
  },
  closed,
);

/**
 * How a client stays with its member. `lb-cookie`: a cookie that the load balancer sets. `app-cookie`: a cookie of the
 * application, learnt from responses. `source`: by the client's address. The last two forget after `expireMs` of silence;
 * `tableSize` in entries.
 */
const StickinessSchema = Type.Union([
  Type.Object(
    {
      method: Type.Literal('lb-cookie'),
      cookieName: CookieNameSchema,
      mode: Type.Enum(['insert', 'rewrite', 'prefix']),
      noCache: Type.Boolean(),
      indirect: Type.Boolean(),
      postOnly: Type.Boolean(),
      domains: Type.Array(Type.String({ pattern: '^\\.?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})$' }), { maxItems: 8 }),
    },
    closed,
  ),
  Type.Object(
    {
      method: Type.Literal('app-cookie'),
      cookieName: CookieNameSchema,
      /** Bytes of the cookie's value that count. */
      length: Type.Integer({ minimum: 1, maximum: 512 }),
      expireMs: MillisecondsSchema,
      tableSize: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
      requestLearn: Type.Boolean(),
      prefix: Type.Boolean(),
      pathParameters: Type.Boolean(),
    },
    closed,
  ),
  Type.Object(
    {
      method: Type.Literal('source'),
      expireMs: MillisecondsSchema,
      tableSize: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
    },
    closed,
  ),
]);

/** How members are checked. With `path` by an HTTP GET that answers 2xx or 3xx, else by a TCP connection. */
const HealthCheckSchema = Type.Object(
  {
    path: Type.Optional(Type.String({ pattern: '^/[!#-\\[\\]-~]{0,255}$' })),
    intervalMs: MillisecondsSchema,
    timeoutMs: MillisecondsSchema,
    healthyThreshold: Type.Integer({ minimum: 1, maximum: 100 }),
    unhealthyThreshold: Type.Integer({ minimum: 1, maximum: 100 }),
  },
  closed,
);

/**
 * One load balancer: new connections to `publicAddress`:`publicPort` go to `privatePort` of its members. `tcp-proxy` speaks
 * the PROXY protocol (version 1) to members; `ssl` ends TLS with `certificates` (entry ids of
 * `loadBalancing.certificates`; the first is the default, the others are chosen by SNI) and offers HTTP/2. `isHttp`:
 * requests are balanced, not connections. `sources` empty means anywhere.
 */
export const LoadBalancerRuleSchema = Type.Object(
  {
    publicAddress: Ipv4AddressSchema,
    publicPort: PortSchema,
    privatePort: PortSchema,
    protocol: Type.Enum(['tcp', 'udp', 'tcp-proxy', 'ssl']),
    isHttp: Type.Boolean(),
    algorithm: Type.Enum(['roundrobin', 'leastconn', 'source']),
    sources: Type.Array(Ipv4CidrSchema, { maxItems: 1000 }),
    certificates: Type.Array(EntryIdSchema, { maxItems: 64 }),
    stickiness: Type.Optional(StickinessSchema),
    healthCheck: Type.Optional(HealthCheckSchema),
    maxConnections: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    clientTimeoutMs: MillisecondsSchema,
    serverTimeoutMs: MillisecondsSchema,
    connectTimeoutMs: MillisecondsSchema,
  },
  closed,
);

/** A guest that takes a share of `rule` (entry id). `draining`: it keeps its connections and sticky clients, and gets no new ones. */
export const LoadBalancerMemberSchema = Type.Object(
  { rule: EntryIdSchema, address: Ipv4AddressSchema, draining: Type.Optional(Type.Boolean()) },
  closed,
);

/** A certificate with its chain (leaf first) and its private key, unencrypted, in PEM. Secret. */
export const LoadBalancerCertificateSchema = Type.Object(
  {
    certificate: Type.String({ pattern: '^-----BEGIN CERTIFICATE-----\\n', maxLength: 65_536 }),
    privateKey: Type.String({ pattern: '^-----BEGIN [A-Z ]*PRIVATE KEY-----\\n', maxLength: 16_384 }),
  },
  closed,
);
