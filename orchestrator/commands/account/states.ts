// enableAccount, disableAccount and lockAccount.
import { asyncCommand, syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { accountNamed, refuseOwnAccount } from './account-by-name.ts';
import { changeAccountState } from './change-state.ts';
import { accountFields, presentAccount } from './response.ts';

const named = {
  id: p.entity('account').optional('The account'),
  account: p.text.optional('Name of the account, with domainid instead of id'),
  domainid: p.entity('domain').optional('The domain of the account'),
};

/** Lets the users of an account call again. */
export const enableAccount = syncCommand({
  name: 'enableAccount',
  description: 'Enables an account',
  roles: ['Admin', 'DomainAdmin'],
  parameters: named,
  responseKey: 'account',
  responseFields: accountFields,
  handler: async (context, values) => {
    const account = await accountNamed(context, values);
    await changeAccountState(context, account, 'enabled');
    return presentAccount(context.db, account.id);
  },
});

/** Ends the access of an account; with `lock` its virtual machines go on. */
export const disableAccount = asyncCommand({
  name: 'disableAccount',
  description: 'Disables an account and stops its virtual machines, or with lock only locks it',
  roles: ['Admin', 'DomainAdmin'],
  eventType: 'ACCOUNT.DISABLE',
  instanceType: 'Account',
  creates: false,
  parameters: { ...named, lock: p.boolean.required('True: only lock the account, its virtual machines go on') },
  responseKey: 'account',
  responseFields: accountFields,
  prepare: async (context, values) => {
    const account = await accountNamed(context, values);
    refuseOwnAccount(context, account.id, 'disable');
    await changeAccountState(context, account, values.lock ? 'locked' : 'disabled');
    return { id: account.id };
  },
  execute: async ({ db, orchestration }, id, { lock }) => {
    const running = await db
      .selectFrom('virtual_machine')
      .select('id')
      .where('account_id', '=', id)
      .where('state', 'in', ['Starting', 'Running'])
      .execute();
    if (!lock) for (const machine of running) await orchestration.stopVirtualMachine(machine.id, { forced: false });
    return presentAccount(db, id);
  },
});

/** Ends the access of an account's users. */
export const lockAccount = syncCommand({
  name: 'lockAccount',
  description: 'Locks an account: its users cannot call, its virtual machines go on',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    account: p.text.required('Name of the account'),
    domainid: p.entity('domain').required('The domain of the account'),
  },
  responseKey: 'account',
  responseFields: accountFields,
  handler: async (context, values) => {
    const account = await accountNamed(context, values);
    refuseOwnAccount(context, account.id, 'lock');
    await changeAccountState(context, account, 'locked');
    return presentAccount(context.db, account.id);
  },
});
