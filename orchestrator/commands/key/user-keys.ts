// registerUserKeys and getUserKeys: the only commands that tell a secret key.
import { generateKey } from '../../store/password.ts';
import { type ResponseFields, syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

const keyFields: ResponseFields = {
  apikey: field.string('The API key'),
  secretkey: field.string('The secret key'),
};

const id = p.entity('cloud_user').required('The user');

/** Gives a user new keys; the old ones end at once. */
export const registerUserKeys = syncCommand({
  name: 'registerUserKeys',
  description: 'Gives a user a new API key and secret key; the old ones end at once',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id },
  responseKey: 'userkeys',
  responseFields: keyFields,
  handler: async (context, { id: user }) => {
    const keys = { api_key: generateKey(), secret_key: generateKey() };
    await context.db.updateTable('cloud_user').set(keys).where('id', '=', user.id).execute();
    const owner = { accountId: user.account_id, domainId: user.domain_id };
    const resource = { type: 'User', id: user.id, owner };
    await context.event('REGISTER.USER.KEY', `User ${user.username} has new keys`, resource);
    return { apikey: keys.api_key, secretkey: keys.secret_key };
  },
});

/** A user's keys. */
export const getUserKeys = syncCommand({
  name: 'getUserKeys',
  description: 'Tells the API key and the secret key of a user',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id },
  responseKey: 'userkeys',
  responseFields: keyFields,
  handler: async (_context, { id: user }) => ({ apikey: user.api_key, secretkey: user.secret_key }),
});
