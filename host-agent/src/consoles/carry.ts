// GET /v1/consoles/:id/stream with `Upgrade: isthmus-tunnel` and `Authorization: Bearer SECRET`: raw bytes from then on.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { EntryIdSchema, SecretSchema, validator } from '@isthmus/contract';
import { checked } from '../api/check.ts';
import { answerUpgrade, join, refuse, requireUpgrade } from '../api/tunnel.ts';
import { HostAgentError } from '../errors.ts';
import type { ConsoleGrants, Knocker } from './grants.ts';

const path = /^\/v1\/consoles\/([^/?]+)\/stream$/;
const idValidator = validator(EntryIdSchema);
const secretValidator = validator(SecretSchema);

/** An upgrade as node:http tells of it. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly client: Duplex;
  readonly head: Buffer;
}

/** True where an upgrade is for the stream of a console. */
export function isConsoleStream({ url = '' }: IncomingMessage): boolean {
  return path.test(url);
}

function askedBy(request: IncomingMessage): { id: string; secret: string } {
  const { method, url = '', headers } = request;
  const [, id] = path.exec(url) ?? [];
  if (id === undefined || method !== 'GET') {
    throw new HostAgentError('not-found', `${method} ${url}: expected GET /v1/consoles/ID/stream`);
  }
  requireUpgrade(request);
  const [, secret = ''] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (secretValidator.check(secret)) return { id: checked(idValidator, id, 'id'), secret };
  // It is not repeated, whatever it is.
  throw new HostAgentError('invalid', 'authorization: expected Bearer and the secret of the grant');
}

/** Leads an upgrade to the console that `knocker` was granted, or refuses it. */
export async function carryConsole(
  grants: Pick<ConsoleGrants, 'redeem'>,
  knocker: Knocker,
  { request, client, head }: Upgrade,
): Promise<void> {
  client.on('error', () => client.destroy());
  try {
    const { id, secret } = askedBy(request);
    const grant = grants.redeem(id, secret, knocker);
    grant.hold(client);
    const console = await grant.open(secret);
    grant.hold(console);
    if (client.destroyed || console.destroyed) {
      console.destroy();
      client.destroy();
      return;
    }
    answerUpgrade(client);
    if (head.length > 0) console.write(head);
    join(client, console);
  } catch (error) {
    refuse(client, error);
  }
}
