// Sessions of the web page. The database holds digests: who reads it can open none.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Db, Trx } from './database.ts';

/** What a client holds of its session: the cookie JSESSIONID and the parameter sessionkey. */
export interface SessionSecrets {
  readonly cookie: string;
  readonly sessionKey: string;
}

/** What the database calls the session of a cookie. */
export function sessionIdOf(cookie: string): string {
  return digest(cookie);
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Opens a session of the user's that ends after `timeoutSeconds` without a call. */
export async function openSession(db: Db | Trx, userId: string, timeoutSeconds: number): Promise<SessionSecrets> {
  const cookie = randomBytes(32).toString('base64url');
  const sessionKey = randomBytes(32).toString('base64url');
  await db
    .insertInto('session')
    .values({
      id: digest(cookie),
      user_id: userId,
      session_key_hash: digest(sessionKey),
      expires: new Date(Date.now() + timeoutSeconds * 1000),
    })
    .execute();
  return { cookie, sessionKey };
}

/** The user of a session whose cookie and key fit, and that has not ended; null for none. Puts its end off. */
export async function useSession(
  db: Db | Trx,
  secrets: SessionSecrets,
  timeoutSeconds: number,
): Promise<string | null> {
  const id = digest(secrets.cookie);
  const session = await db
    .selectFrom('session')
    .select(['user_id', 'session_key_hash', 'expires'])
    .where('id', '=', id)
    .executeTakeFirst();
  if (session === undefined || session.expires.getTime() <= Date.now()) return null;
  if (!timingSafeEqual(Buffer.from(digest(secrets.sessionKey)), Buffer.from(session.session_key_hash))) return null;
  const expires = Date.now() + timeoutSeconds * 1000;
  // A write a minute at most, whatever the page asks.
  if (expires - session.expires.getTime() > 60_000) {
    await db
      .updateTable('session')
      .set({ expires: new Date(expires) })
      .where('id', '=', id)
      .execute();
  }
  return session.user_id;
}

/** Ends the session of that cookie, if there is one. */
export async function closeSession(db: Db | Trx, cookie: string): Promise<void> {
  await db.deleteFrom('session').where('id', '=', digest(cookie)).execute();
}

/** Ends all sessions of these users. */
export async function closeSessionsOf(db: Db | Trx, userIds: readonly string[]): Promise<void> {
  if (userIds.length > 0) await db.deleteFrom('session').where('user_id', 'in', userIds).execute();
}
