// How the bytes of a console get from a host to a console proxy. The orchestrator grants; the proxy goes through the door
// of its own host, on the control network that never leaves that machine; a host leads to another host by mutual TLS.
//
//   PUT    /v1/consoles/:id          ConsoleGrant → ConsoleGranted (host agent, the orchestrator's)
//   DELETE /v1/consoles/:id          ends the grant and the stream that is open by it → 204
//   GET    /v1/consoles/:id/stream   `Upgrade: isthmus-tunnel`, `Authorization: Bearer SECRET` → 101, then raw bytes:
//                                    at `consoleDoorPort` of the control network's gateway, for the proxy that it was
//                                    granted to, by its control address; or by mutual TLS, for the host that it was granted to
//
// `:id` is the session's. A grant opens one stream, once, within its time; granting again replaces it.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { RfbSecuritySchema } from './console-proxy.ts';
import { ConsoleKindSchema } from './console-socket.ts';
import { MigrationDestinationSchema, Sha256Schema } from './host-api.ts';
import { EntryIdSchema } from './values.ts';

const closed = { additionalProperties: false } as const;

/** TCP port of the door on the gateway address of a host's control network. */
export const consoleDoorPort = 3923;

export const ConsoleGrantSchema = Type.Object(
  {
    /** SHA-256 of the text of the secret. */
    secretSha256: Sha256Schema,
    /** Who may open it. */
    to: Type.Union([Type.Object({ appliance: EntryIdSchema }, closed), Type.Object({ host: EntryIdSchema }, closed)]),
    /** The console of a machine of this host, or another host that has the same grant for this one, with the same secret. */
    from: Type.Union([
      Type.Object(
        {
          machine: Type.Enum(['instance', 'appliance']),
          id: EntryIdSchema,
          console: ConsoleKindSchema,
        },
        closed,
      ),
      Type.Object({ via: MigrationDestinationSchema }, closed),
    ]),
    /** How long it may wait for its stream. */
    seconds: Type.Integer({ minimum: 1, maximum: 300 }),
  },
  closed,
);
export type ConsoleGrant = Static<typeof ConsoleGrantSchema>;

/** `security`: what the console's server asks for; of a grant that leads to another host, nothing is known. */
export const ConsoleGrantedSchema = Type.Object({ security: Type.Union([RfbSecuritySchema, Type.Null()]) }, closed);
export type ConsoleGranted = Static<typeof ConsoleGrantedSchema>;
