// What the orchestrator and a console proxy say to each other. The orchestrator opens every connection, through the tunnel
// to the proxy's control address and by mutual TLS; the proxy reaches nobody but its own host.
//
//   PUT /v1/document          ConsoleProxyPush → Acknowledgement, or 409 Refusal
//   GET /v1/console/channel   Upgrade: websocket; text frames: ProxyMessage up, OrchestratorMessage down
//
// Beside what every appliance's agent has (agent-api.ts: status, certificate, revocations, boot, update). Every
// orchestrator keeps a channel of its own open to every proxy; a proxy puts a request to any of them.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { PemSchema } from './certificate.ts';
import { ConsoleKindSchema, ConsoleModeSchema, ConsoleViewerSchema, SecretSchema } from './console-socket.ts';
import { IdentitySchema } from './identity.ts';
import { EntryIdSchema, Ipv4AddressSchema, PrefixLengthSchema } from './values.ts';

const closed = { additionalProperties: false } as const;
const CountSchema = Type.Integer({ minimum: 0 });
const SecondsSchema = Type.Integer({ minimum: 1, maximum: 604_800 });

/** Origin of a page as browsers send it, such as `https://console.example.org` or `http://192.0.2.1:8080`. */
export const OriginSchema = Type.String({ pattern: '^https?://[a-z0-9.\\-\\[\\]:]{1,255}$' });

/** NIC of a console proxy on the public segment. */
export const consolePublicInterface = 'eth2';

/** The whole desired state of a console proxy. Times are in seconds. */
export const ConsoleProxyDocumentSchema = Type.Object(
  {
    publicAddress: Ipv4AddressSchema,
    prefixLength: PrefixLengthSchema,
    gateway: Ipv4AddressSchema,
    /** TCP port for browsers, on the public address alone. */
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    /** The certificate with its chain, and its key (PKCS #8); null: no TLS. A new one serves new connections, open ones go on. */
    tls: Type.Union([
      Type.Object({ certificateChain: Type.String({ maxLength: 65_536 }), privateKey: PemSchema }, closed),
      Type.Null(),
    ]),
    /** The Origins that a WebSocket may come from: exactly one of these has to stand in its request. */
    origins: Type.Array(OriginSchema, { minItems: 1, maxItems: 32 }),
    limits: Type.Object(
      {
        /** Sessions at once. */
        sessions: Type.Integer({ minimum: 1, maximum: 100_000 }),
        /** Connections that have not opened a session yet, at once, and of one client address. */
        pending: Type.Integer({ minimum: 1, maximum: 100_000 }),
        pendingPerAddress: Type.Integer({ minimum: 1, maximum: 100_000 }),
        /** Until a connection has opened its session, besides the time that a person takes to choose. */
        handshakeSeconds: SecondsSchema,
        /** A session without a key, a pointer or a paste ends after it; 0: never. */
        idleSeconds: Type.Integer({ minimum: 0, maximum: 604_800 }),
        /** A session ends after it in any case; 0: never. */
        absoluteSeconds: Type.Integer({ minimum: 0, maximum: 604_800 }),
        /** Between two WebSocket pings; who does not answer until the next one is gone. */
        pingSeconds: SecondsSchema,
      },
      closed,
    ),
    /** True: no session is opened any more; those that are open go on. */
    draining: Type.Boolean(),
  },
  closed,
);
export type ConsoleProxyDocument = Static<typeof ConsoleProxyDocumentSchema>;

/** PUT /v1/document. The document is whole; an agent refuses an older fencing token. `target.hash` is wholeDocumentHash(document). */
export const ConsoleProxyPushSchema = Type.Object(
  {
    fencingToken: Type.Integer({ minimum: 0 }),
    target: IdentitySchema,
    document: ConsoleProxyDocumentSchema,
  },
  closed,
);
export type ConsoleProxyPush = Static<typeof ConsoleProxyPushSchema>;

/** How the RFB handshake with the target is done. Serial consoles have none. */
export const RfbSecuritySchema = Type.Object(
  {
    /** What the proxy agrees to, the preferred first. `VeNCrypt`: X509Vnc, X509Plain and X509None, never without a certificate. */
    types: Type.Array(Type.Enum(['None', 'VncAuth', 'VeNCrypt']), { minItems: 1, maxItems: 3 }),
    password: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    /** Of X509Plain. */
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    /** Certificates (PEM) of the authorities that may have signed the server's, and the name that it has to have. */
    authorities: Type.Optional(Type.Array(PemSchema, { minItems: 1, maxItems: 4 })),
    serverName: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
  },
  closed,
);
export type RfbSecurity = Static<typeof RfbSecuritySchema>;

/**
 * Where a console is. `door`: the proxy's own host leads to it (console-door.ts), for who shows `secret` for the grant `id`.
 * `tcp`: a server that listens by itself.
 */
export const ConsoleTargetSchema = Type.Union([
  Type.Object({ kind: Type.Literal('door'), id: EntryIdSchema, secret: SecretSchema }, closed),
  Type.Object(
    {
      kind: Type.Literal('tcp'),
      address: Type.String({ pattern: '^[A-Za-z0-9.:-]{1,253}$' }),
      port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    },
    closed,
  ),
]);
export type ConsoleTarget = Static<typeof ConsoleTargetSchema>;

/** Why a ticket opens nothing, or a session ends. What a person is told stands in `message` beside it. */
export const ConsoleReasonSchema = Type.Enum([
  /** Unknown, used, late, of another proxy's zone, or with the wrong extra token. Not told apart to who asks. */
  'ticket',
  'origin',
  'address',
  'limit',
  'machine',
  'target',
  'draining',
  'unavailable',
  'malformed',
  'taken-over',
  'logout',
  'revoked',
  'destroyed',
  'moved',
  'idle',
  'absolute',
  'slow',
  'closed',
]);
export type ConsoleReason = Static<typeof ConsoleReasonSchema>;

/** A ticket refused, or a session that could not be opened. */
export const ConsoleRefusalSchema = Type.Object(
  { state: Type.Literal('refused'), reason: ConsoleReasonSchema, message: Type.String({ maxLength: 1024 }) },
  closed,
);

/** Another viewer has the console: whoever asked has to choose first. */
const ChooseSchema = Type.Object(
  { state: Type.Literal('choose'), session: EntryIdSchema, viewers: Type.Array(ConsoleViewerSchema) },
  closed,
);

/** The session is open: connect to `target`. `resume` is the page's, to come back with through another proxy. */
const OpenSchema = Type.Object(
  {
    state: Type.Literal('open'),
    session: EntryIdSchema,
    machine: Type.String({ maxLength: 255 }),
    console: ConsoleKindSchema,
    mode: ConsoleModeSchema,
    viewers: Type.Array(ConsoleViewerSchema),
    resume: SecretSchema,
    target: ConsoleTargetSchema,
    security: RfbSecuritySchema,
  },
  closed,
);
export type ConsoleOpening = Static<typeof OpenSchema>;

export const ConsoleAnswerSchema = Type.Union([OpenSchema, ChooseSchema, ConsoleRefusalSchema]);
export type ConsoleAnswer = Static<typeof ConsoleAnswerSchema>;

/**
 * What a proxy asks. A request may be put twice, to two orchestrators, with one `id`: it is carried out once, and answered
 * the same. `origin` is the Origin header; `clientAddress` that of the connection; `plain`: a client without frames for
 * choosing, which takes over.
 */
const RedeemSchema = Type.Object(
  {
    kind: Type.Literal('redeem'),
    id: EntryIdSchema,
    ticket: SecretSchema,
    extra: Type.Union([Type.String({ maxLength: 255 }), Type.Null()]),
    origin: Type.String({ maxLength: 300 }),
    clientAddress: Type.String({ maxLength: 64 }),
    plain: Type.Boolean(),
  },
  closed,
);
/** Of a session that was answered `choose`, or one that watches and takes over, or controls and gives it up. */
const ChooseModeSchema = Type.Object(
  { kind: Type.Literal('choose'), id: EntryIdSchema, session: EntryIdSchema, mode: ConsoleModeSchema },
  closed,
);
const SessionReportSchema = Type.Object(
  {
    session: EntryIdSchema,
    idleSeconds: CountSchema,
    bytesToClient: CountSchema,
    bytesToTarget: CountSchema,
  },
  closed,
);
/** Every 5 s, and at once on a new channel. Sessions that are not in it are over. */
const ReportSchema = Type.Object(
  {
    kind: Type.Literal('report'),
    sessions: Type.Array(SessionReportSchema),
    pending: CountSchema,
    memoryBytes: CountSchema,
    healthy: Type.Boolean(),
  },
  closed,
);
const EndedSchema = Type.Object(
  { kind: Type.Literal('ended'), session: EntryIdSchema, reason: ConsoleReasonSchema },
  closed,
);
export const ProxyMessageSchema = Type.Union([RedeemSchema, ChooseModeSchema, ReportSchema, EndedSchema]);
export type ProxyMessage = Static<typeof ProxyMessageSchema>;
export type ConsoleRequest = Extract<ProxyMessage, { readonly id: string }>;
export type ConsoleReport = Extract<ProxyMessage, { readonly kind: 'report' }>;

/** The answer to the request of that `id`. */
const AnswerSchema = Type.Object(
  { kind: Type.Literal('answer'), id: EntryIdSchema, answer: ConsoleAnswerSchema },
  closed,
);
/** Ends a session. No error where there is none. `moved`: the page comes back by itself. */
const EndSchema = Type.Object(
  {
    kind: Type.Literal('end'),
    session: EntryIdSchema,
    reason: ConsoleReasonSchema,
    message: Type.String({ maxLength: 1024 }),
  },
  closed,
);
/** Who else has the console of a session now, and what that session may do; both are told to its page. */
const ViewersSchema = Type.Object(
  {
    kind: Type.Literal('viewers'),
    session: EntryIdSchema,
    mode: ConsoleModeSchema,
    viewers: Type.Array(ConsoleViewerSchema),
  },
  closed,
);
export const OrchestratorMessageSchema = Type.Union([AnswerSchema, EndSchema, ViewersSchema]);
export type OrchestratorMessage = Static<typeof OrchestratorMessageSchema>;

/** Between two reports of a proxy. */
export const consoleReportSeconds = 5;
