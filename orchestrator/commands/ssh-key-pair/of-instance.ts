// The keys that an instance is given, by the names of key pairs of its owner.
import type { Trx } from '../../store/database.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';

/** Most keys of one instance, as the router's document takes them. */
const mostKeys = 32;

/** Parameters of commands that give keys. */
export const keyPairParameters = {
  keypair: p.name.optional('Name of the SSH key pair whose key it gets'),
  keypairs: p.textList.optional('Names of the SSH key pairs whose keys it gets, comma-separated', { maxLength: 8192 }),
};

/** Columns of an instance for its keys. Throws 431 for a name that the account has no key pair of. */
export async function keysOfInstance(
  db: Trx,
  accountId: string,
  { keypair, keypairs }: { readonly keypair?: string | undefined; readonly keypairs?: readonly string[] | undefined },
): Promise<{ key_pair_names: string[]; public_keys: string[] }> {
  const names = [...new Set([...(keypairs ?? []), ...(keypair === undefined ? [] : [keypair])])];
  if (names.length === 0) return { key_pair_names: [], public_keys: [] };
  const parameter = keypairs === undefined ? 'keypair' : 'keypairs';
  if (names.length > mostKeys) throw parameterError(parameter, String(names.length), `at most ${mostKeys} names`);
  const rows = await db
    .selectFrom('ssh_key_pair')
    .select(['name', 'public_key'])
    .where('account_id', '=', accountId)
    .where('name', 'in', names)
    .execute();
  const keys = new Map(rows.map((row) => [row.name, row.public_key]));
  return {
    key_pair_names: names,
    public_keys: names.map((name) => {
      const key = keys.get(name);
      if (key === undefined) {
        throw parameterError(parameter, name, "the name of an SSH key pair of the instance's account");
      }
      return key;
    }),
  };
}
