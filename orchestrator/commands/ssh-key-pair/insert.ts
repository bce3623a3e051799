import type { SshPublicKey } from '../../model/ssh-key.ts';
import type { CommandContext, Owner, ResponseObject } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { presentSshKeyPairs } from './response.ts';

/** Keeps a public key under a name. Throws 431 where the account has one of that name, or that key. */
export async function insertKeyPair(
  context: CommandContext,
  owner: Owner,
  name: string,
  key: SshPublicKey,
): Promise<ResponseObject> {
  const { db } = context;
  const row = await db
    .insertInto('ssh_key_pair')
    .values({
      name,
      public_key: key.line,
      fingerprint: key.fingerprint,
      account_id: owner.accountId,
      domain_id: owner.domainId,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) {
    throw parameterError('name', name, 'a name, and a key, that no other key pair of the account has');
  }
  await context.event('REGISTER.SSH.KEYPAIR', `Registered SSH key pair ${name}`, {
    type: 'SSHKeyPair',
    id: row.id,
    owner,
  });
  return (await presentSshKeyPairs(db, [row]))[0] ?? {};
}
