import type { JobContext } from '../declaration.ts';

/** Destroys everything that an account owns, then its users and itself. Repeats harmlessly. */
export async function cleanUpAccount({ db, orchestration }: JobContext, accountId: string): Promise<void> {
  const machines = await db.selectFrom('virtual_machine').select('id').where('account_id', '=', accountId).execute();
  for (const { id } of machines) await orchestration.destroyVirtualMachine(id, { expunge: true });
  const networks = await db.selectFrom('network').select('id').where('account_id', '=', accountId).execute();
  for (const { id } of networks) await orchestration.deleteNetwork(id);
  const addresses = await db.selectFrom('public_ip_address').select('id').where('account_id', '=', accountId).execute();
  for (const { id } of addresses) await orchestration.releasePublicIpAddress(id);
  await db.deleteFrom('account').where('id', '=', accountId).execute();
}
