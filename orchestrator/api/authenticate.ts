// Who calls: by signature or by session.
import { callerById, credentialsByApiKey } from '../commands/caller.ts';
import type { Caller } from '../commands/declaration.ts';
import { ApiError } from '../commands/errors.ts';
import { readSetting } from '../commands/settings.ts';
import type { Db } from '../store/database.ts';
import { sessionIdOf, useSession } from '../store/session.ts';
import type { Call } from './call.ts';
import { isFresh, isSignedBy } from './signature.ts';

/** What of a request besides its parameters tells who calls. */
export interface RequestOrigin {
  /** Cookie JSESSIONID. */
  readonly cookie: string | undefined;
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** Of the client's end of the connection. */
  readonly address: string;
}

function refused(): ApiError {
  return new ApiError('unauthorized', 'unable to verify user credentials and/or request signature');
}

// Checked against where there is no such key, so that both cases take the same time.
const noSecretKey = 'no secret key';

async function bySignature(db: Db, call: Call, apiKey: string, signature: string): Promise<Caller> {
  const credentials = await credentialsByApiKey(db, apiKey);
  const signed = isSignedBy(call, signature, credentials?.secretKey ?? noSecretKey);
  if (credentials === null || credentials.secretKey === null || !signed || !isFresh(call, Date.now())) throw refused();
  return credentials.caller;
}

/** True where a browser says that another site's page made the request. */
function isForeign({ origin, host }: RequestOrigin): boolean {
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

async function bySession(db: Db, call: Call, request: RequestOrigin): Promise<Caller | null> {
  const sessionKey = call.parameters.get('sessionkey');
  if (request.cookie === undefined || sessionKey === undefined) return null;
  if (isForeign(request)) throw refused();
  const timeout = Number(await readSetting(db, 'session.timeout'));
  const userId = await useSession(db, { cookie: request.cookie, sessionKey }, timeout);
  const caller = userId === null ? null : await callerById(db, userId);
  if (caller === null) return null;
  return { ...caller, via: { address: request.address, sessionId: sessionIdOf(request.cookie) } };
}

/** The caller; null where the request has no valid credentials of either kind. Throws 401 for a bad signature. */
export async function authenticate(db: Db, call: Call, request: RequestOrigin): Promise<Caller | null> {
  const apiKey = call.parameters.get('apikey');
  const signature = call.parameters.get('signature');
  if (apiKey !== undefined && signature !== undefined) {
    const caller = await bySignature(db, call, apiKey, signature);
    return { ...caller, via: { address: request.address, sessionId: null } };
  }
  return bySession(db, call, request);
}

/** The error for a call that needs credentials and has none. */
export const credentialsMissing = refused;
