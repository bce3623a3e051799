// What a host is at its start, from its disk and what it is told.
import { type JoinToken, parseJoinToken } from '@isthmus/contract';
import type { Files, Log } from '@isthmus/host';
import type { Membership } from './host-certificates.ts';
import { HostIdentityStore } from './host-identity.ts';

/** `joinFile` holds a join token, and is removed once that is on the host agent's disk; one that is gone was read before. */
export interface MembershipOptions {
  readonly installation: string;
  readonly state: string;
  readonly joinToken?: string;
  readonly joinFile?: string;
}

/**
 * The store of a host's identity, and what the host is: what its disk says, or one that waits to be joined by the token
 * that it is given. A token that it has joined by already says nothing new. Throws where there is neither.
 */
export async function openMembership(
  files: Files,
  log: Log,
  options: MembershipOptions,
): Promise<{ readonly store: HostIdentityStore; readonly membership: Membership }> {
  const { installation, state, joinFile } = options;
  const store = new HostIdentityStore(files, state);
  const identity = await store.load();
  const given = options.joinToken ?? (joinFile === undefined ? null : await files.readTextIfExists(joinFile))?.trim();
  const token = given === undefined ? await store.loadToken() : readToken(given, installation);
  if (identity !== null && (token === null || token.hostId === identity.hostId)) {
    if (joinFile !== undefined) await files.remove(joinFile);
    if (given !== undefined) log.info('this host has joined already: its token is not needed', { id: identity.hostId });
    return { store, membership: { identity } };
  }
  if (token === null) {
    throw new Error(
      'this host has not joined its installation: expected --join TOKEN or --join-file FILE (from addHost)',
    );
  }
  if (given !== undefined) await store.saveToken(given);
  if (joinFile !== undefined) await files.remove(joinFile);
  return { store, membership: { token } };
}

/** The same of a host that no other machine comes to: it needs no token, and may be given a certificate (HostCertificates). */
export async function openLoneMembership(
  files: Files,
  { installation, state }: Pick<MembershipOptions, 'installation' | 'state'>,
): Promise<{ readonly store: HostIdentityStore; readonly membership: Membership }> {
  const store = new HostIdentityStore(files, state);
  const identity = await store.load();
  return { store, membership: identity === null ? { installation } : { identity } };
}

function readToken(text: string, installation: string): JoinToken {
  const token = parseJoinToken(text);
  if (token === null) {
    throw new Error('join token: expected what addHost handed out, isthmus-join.INSTALLATION.HOST.SECRET');
  }
  if (token.installation === installation) return token;
  throw new Error(`join token: is for installation ${token.installation}, expected ${installation}`);
}
