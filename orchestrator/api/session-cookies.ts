// login and logout as HTTP has them: cookies beside the answer, and the limit on guesses.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ResponseObject } from '../commands/declaration.ts';
import { ApiError } from '../commands/errors.ts';
import type { Db } from '../store/database.ts';
import { closeSession, useSession } from '../store/session.ts';
import type { Call } from './call.ts';
import type { LoginLimiter } from './login-limiter.ts';

const attributes = { path: '/client', httpOnly: true, sameSite: 'lax' } as const;

/** Runs login under the limiter, and puts the session's secrets into cookies; `jsessionid` leaves the answer. */
export async function logIn(
  parts: { readonly limiter: LoginLimiter },
  request: FastifyRequest,
  reply: FastifyReply,
  call: Call,
  run: () => Promise<ResponseObject>,
): Promise<ResponseObject> {
  const username = call.parameters.get('username') ?? '';
  const waitMs = parts.limiter.waitMs(username, request.ip);
  if (waitMs > 0) {
    const message = `Too many failed attempts to log in: try again in ${Math.ceil(waitMs / 1000)} s`;
    throw new ApiError('account', message);
  }
  try {
    const { jsessionid, ...answer } = await run();
    parts.limiter.succeeded(username, request.ip);
    const secure = request.protocol === 'https';
    reply.setCookie('JSESSIONID', String(jsessionid), { ...attributes, secure });
    reply.setCookie('sessionkey', String(answer.sessionkey), { ...attributes, secure });
    return answer;
  } catch (error) {
    if (error instanceof ApiError && error.kind === 'account') parts.limiter.failed(username, request.ip);
    throw error;
  }
}

/**
 * Ends the session whose cookie and sessionkey the call carries. Without both nothing happens, not even to the cookies:
 * the web page sends a bare logout while it logs in.
 */
export async function logOut(db: Db, request: FastifyRequest, reply: FastifyReply, call: Call): Promise<void> {
  const cookie = request.cookies.JSESSIONID;
  const sessionKey = call.parameters.get('sessionkey');
  if (cookie === undefined || sessionKey === undefined) return;
  if ((await useSession(db, { cookie, sessionKey }, 1)) === null) return;
  await closeSession(db, cookie);
  reply.clearCookie('JSESSIONID', { path: attributes.path });
  reply.clearCookie('sessionkey', { path: attributes.path });
}
