// enableUser, disableUser, lockUser and deleteUser.
import { closeSessionsOf } from '../../store/session.ts';
import { asyncCommand, type CommandContext, syncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { presentUser, userFields } from './response.ts';

type User = EntityRow<'cloud_user'>;

function refuseSelf(context: CommandContext, user: User, action: string): void {
  if (user.id === context.caller.userId) {
    throw new ApiError(
      'parameter',
      `User ${user.username} (parameter id) cannot ${action} itself: expected another user`,
    );
  }
}

/** Puts a user into a state. From another state than `enabled` sessions and keys end at once. */
async function changeState(context: CommandContext, user: User, state: User['state']): Promise<void> {
  await context.db.updateTable('cloud_user').set({ state }).where('id', '=', user.id).execute();
  if (state !== 'enabled') await closeSessionsOf(context.db, [user.id]);
  const owner = { accountId: user.account_id, domainId: user.domain_id };
  const type = { enabled: 'USER.ENABLE', disabled: 'USER.DISABLE', locked: 'USER.LOCK' }[state];
  await context.event(type, `User ${user.username} is ${state}`, { type: 'User', id: user.id, owner });
}

const id = p.entity('cloud_user').required('The user');

/** Lets a user call again. */
export const enableUser = syncCommand({
  name: 'enableUser',
  description: 'Enables a user',
  roles: ['Admin', 'DomainAdmin'],
  parameters: { id },
  responseKey: 'user',
  responseFields: userFields,
  handler: async (context, values) => {
    await changeState(context, values.id, 'enabled');
    return presentUser(context.db, values.id.id);
  },
});

/** Ends a user's sessions and keys. */
export const lockUser = syncCommand({
  name: 'lockUser',
  description: 'Locks a user',
  roles: ['Admin', 'DomainAdmin'],
  parameters: { id },
  responseKey: 'user',
  responseFields: userFields,
  handler: async (context, values) => {
    refuseSelf(context, values.id, 'lock');
    await changeState(context, values.id, 'locked');
    return presentUser(context.db, values.id.id);
  },
});

/** Ends a user's sessions and keys, at once: the job has nothing left to do. */
export const disableUser = asyncCommand({
  name: 'disableUser',
  description: 'Disables a user',
  roles: ['Admin', 'DomainAdmin'],
  eventType: 'USER.DISABLE',
  instanceType: 'User',
  creates: false,
  parameters: { id },
  responseKey: 'user',
  responseFields: userFields,
  prepare: async (context, values) => {
    refuseSelf(context, values.id, 'disable');
    await changeState(context, values.id, 'disabled');
    return { id: values.id.id };
  },
  execute: ({ db }, userId) => presentUser(db, userId),
});

/** Removes a user with its sessions and keys. */
export const deleteUser = syncCommand({
  name: 'deleteUser',
  description: 'Deletes a user',
  roles: ['Admin', 'DomainAdmin'],
  parameters: { id },
  responseKey: null,
  responseFields: successFields,
  handler: async (context, { id: user }) => {
    refuseSelf(context, user, 'delete');
    await context.db.deleteFrom('cloud_user').where('id', '=', user.id).execute();
    const owner = { accountId: user.account_id, domainId: user.domain_id };
    await context.event('USER.DELETE', `User ${user.username} is deleted`, { type: 'User', id: user.id, owner });
    return { success: true };
  },
});
