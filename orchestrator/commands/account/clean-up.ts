import type { JobContext } from '../declaration.ts';

/** Destroys everything that an account owns, then its users and itself. Repeats harmlessly. */
export async function cleanUpAccount({ db, orchestration }: JobContext, accountId: string): Promise<void> {
  const machines = await db.selectFrom('virtual_machine').select('id').where('account_id', '=', accountId).execute();
  for (const { id } of machines) await orchestration.destroyVirtualMachine(id, { expunge: true });
  const networks = await db.selectFrom('network').select('id').where('account_id', '=', accountId).execute();
  for (const { id } of networks) await orchestration.deleteNetwork(id);
  const addresses = await db.selectFrom('public_ip_address').select('id').where('account_id', '=', accountId).execute();
  for (const { id } of addresses) await orchestration.releasePublicIpAddress(id);
  // Templates and instances of others may still name the account's user data.
  const userData = db.selectFrom('user_data').select('id').where('account_id', '=', accountId);
  await db
    .updateTable('template')
    .set({ user_data_id: null, user_data_policy: null })
    .where('user_data_id', 'in', userData)
    .execute();
  await db.updateTable('virtual_machine').set({ user_data_id: null }).where('user_data_id', 'in', userData).execute();
  await db.deleteFrom('account').where('id', '=', accountId).execute();
}
