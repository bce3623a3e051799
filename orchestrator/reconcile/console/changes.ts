// What the database tells of changed sessions (migration 0014), and what becomes of it.
import type { ConsoleReason, OrchestratorMessage } from '@isthmus/contract';
import { ConsoleReasonSchema, validator } from '@isthmus/contract';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import type { ConsoleParts } from './console-parts.ts';
import { endMessage } from './report.ts';
import { viewerMessages } from './viewers.ts';

/** The channel of notices. */
export const consoleNotices = 'isthmus_console';

const ChangeSchema = Type.Union([
  Type.Object({
    kind: Type.Literal('end'),
    session: Type.String(),
    proxy: Type.Union([Type.String(), Type.Null()]),
    host: Type.Union([Type.String(), Type.Null()]),
    reason: Type.Union([ConsoleReasonSchema, Type.Null()]),
  }),
  Type.Object({ kind: Type.Literal('viewers'), target: Type.String() }),
]);
const change = validator(ChangeSchema);

export type Send = (proxyId: string, message: OrchestratorMessage) => void;

/** Tells the proxies of a change. A session that is over for good also loses its grants, whatever its proxy does. */
export async function tellChange(parts: ConsoleParts, payload: string, send: Send): Promise<void> {
  const told: unknown = JSON.parse(payload);
  if (!change.check(told)) throw new Error('a notice of a console is none');
  if (told.kind === 'end') return tellEnd(parts, told, send);
  for (const { proxyId, message } of await viewerMessages(parts.db, told.target)) send(proxyId, message);
}

async function tellEnd(
  { db, hosts, log }: ConsoleParts,
  told: Extract<Static<typeof ChangeSchema>, { readonly kind: 'end' }>,
  send: Send,
): Promise<void> {
  const reason: ConsoleReason = told.reason ?? 'revoked';
  if (told.proxy !== null) send(told.proxy, endMessage(told.session, reason));
  // Who comes back has a grant of the same name, which must stay.
  if (reason === 'moved') return;
  const proxy =
    told.proxy === null
      ? undefined
      : await db.selectFrom('system_vm').select('host_id').where('id', '=', told.proxy).executeTakeFirst();
  const hostIds = [...new Set([told.host, proxy?.host_id ?? null])].filter((id) => id !== null);
  for (const hostId of hostIds) {
    await hosts
      .end(hostId, (client) => client.revokeConsole(told.session))
      .catch((error: unknown) => {
        log.warn('a grant of a console is not taken back', {
          session: told.session,
          host: hostId,
          error: String(error),
        });
      });
  }
}
