import { newSshKeyPair } from '../../model/ssh-key.ts';
import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { unservedParameter } from '../unserved.ts';
import { insertKeyPair } from './insert.ts';
import { sshKeyPairResponseFields } from './response.ts';

export const createSSHKeyPair = syncCommand({
  name: 'createSSHKeyPair',
  description: 'Makes an SSH key pair (RSA, 3072 bits). The private key is in this answer and kept nowhere.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    name: p.name.required('Its name'),
    account: p.text.optional('The account to make it for; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The account's domain"),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: 'keypair',
  responseFields: { ...sshKeyPairResponseFields, privatekey: field.string('The private key in PEM') },
  handler: async (context, { name, ...named }) => {
    const owner = await context.owner(named);
    const pair = await newSshKeyPair();
    return { ...(await insertKeyPair(context, owner, name, pair)), privatekey: pair.privateKey };
  },
});
