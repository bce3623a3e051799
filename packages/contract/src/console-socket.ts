// What the page of a console and a console proxy say to each other, on a WebSocket at `consoleSocketPath`.
//
// With the subprotocol `consoleSubprotocol`: text frames are JSON, PageMessage up and ProxyNotice down; binary frames are the
// console's bytes (RFB after a handshake with security type None, which the proxy does in the server's place; or a serial
// port's), from the notice `opened` on. Without it, for clients of CloudStack: the ticket and the extra token stand in the
// query (`token`, `extra`), every frame is binary, and a second viewer takes over.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { EntryIdSchema } from './values.ts';

const closed = { additionalProperties: false } as const;

export const consoleSocketPath = '/websockify';
export const consoleSubprotocol = 'isthmus.console';
/** Most bytes of a frame that a proxy takes; who sends more at once sends more frames. */
export const consoleFrameLimit = 65_536;

/** 32 random bytes in base64url: a ticket, a resume token, the secret of a grant. */
export const SecretSchema = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });

/** `vnc`: the screen. `serial`: the first serial port, or the shell of an instance in a namespace. */
export const ConsoleKindSchema = Type.Enum(['vnc', 'serial']);
export type ConsoleKind = Static<typeof ConsoleKindSchema>;

/** What a viewer may do: `control` sends keys, pointer and paste; `watch` only sees. One viewer of a console controls. */
export const ConsoleModeSchema = Type.Enum(['control', 'watch']);
export type ConsoleMode = Static<typeof ConsoleModeSchema>;

/** Somebody else who has the same console open. */
export const ConsoleViewerSchema = Type.Object(
  { user: Type.String({ maxLength: 255 }), mode: ConsoleModeSchema },
  closed,
);
export type ConsoleViewer = Static<typeof ConsoleViewerSchema>;

/** Why a connection is closed: close code 4000 + its place here, its name as the close reason. */
export const closeReasons = ['refused', 'ended', 'moved', 'malformed', 'slow', 'draining'] as const;
export type CloseReason = (typeof closeReasons)[number];

/** Close code of a WebSocket for a reason. */
export function closeCodeOf(reason: CloseReason): number {
  return 4000 + closeReasons.indexOf(reason);
}

export const PageMessageSchema = Type.Union([
  /** The first frame. `extra`: the client's own token of createConsoleEndpoint. */
  Type.Object(
    { type: Type.Literal('open'), ticket: SecretSchema, extra: Type.Optional(Type.String({ maxLength: 255 })) },
    closed,
  ),
  /** The answer to `choose`; later: takes control over, or gives it up. */
  Type.Object({ type: Type.Literal('choose'), mode: ConsoleModeSchema }, closed),
]);
export type PageMessage = Static<typeof PageMessageSchema>;

export const ProxyNoticeSchema = Type.Union([
  /** Others have the console: the person chooses to watch or to take over. */
  Type.Object({ type: Type.Literal('choose'), viewers: Type.Array(ConsoleViewerSchema) }, closed),
  Type.Object(
    {
      type: Type.Literal('opened'),
      session: EntryIdSchema,
      machine: Type.String(),
      console: ConsoleKindSchema,
      mode: ConsoleModeSchema,
      viewers: Type.Array(ConsoleViewerSchema),
      /** POST /console/resume takes it once, and gives another ticket for the same session. */
      resume: SecretSchema,
      /** The proxy sends something at least so often, `alive` where there is nothing else. Absent: it promises nothing. */
      aliveSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 60 })),
    },
    closed,
  ),
  /** So that a page notices the death of a proxy whose machine is gone, which says no farewell. */
  Type.Object({ type: Type.Literal('alive') }, closed),
  /** Who came, went, or took over; `mode` is one's own now. */
  Type.Object(
    { type: Type.Literal('viewers'), mode: ConsoleModeSchema, viewers: Type.Array(ConsoleViewerSchema) },
    closed,
  ),
  /** The last frame. `resumable`: the page may come back with its resume token. */
  Type.Object(
    {
      type: Type.Literal('ended'),
      reason: Type.String(),
      message: Type.String({ maxLength: 1024 }),
      resumable: Type.Boolean(),
    },
    closed,
  ),
]);
export type ProxyNotice = Static<typeof ProxyNoticeSchema>;

/**
 * POST /console/resume at the page's own origin, JSON → ResumeAnswer. Also refused with 403 where the Origin header is
 * another. `proxy`: the one that was lost, so that another is preferred.
 */
export const ResumeRequestSchema = Type.Object({ resume: SecretSchema, proxy: Type.Optional(EntryIdSchema) }, closed);
export type ResumeRequest = Static<typeof ResumeRequestSchema>;

/**
 * `again`: nothing can carry it just now; ask again in that many seconds with the same token. `reason`: a ConsoleReason,
 * why the session of the token has ended; told to who has its newest token alone.
 */
export const ResumeAnswerSchema = Type.Union([
  Type.Object(
    { state: Type.Literal('open'), ticket: SecretSchema, proxy: EntryIdSchema, socket: Type.String() },
    closed,
  ),
  Type.Object({ state: Type.Literal('again'), seconds: Type.Number() }, closed),
  Type.Object({ state: Type.Literal('refused'), message: Type.String(), reason: Type.Optional(Type.String()) }, closed),
]);
export type ResumeAnswer = Static<typeof ResumeAnswerSchema>;
