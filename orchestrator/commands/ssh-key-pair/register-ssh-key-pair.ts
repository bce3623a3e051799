import { parseSshPublicKey, type SshPublicKey } from '../../model/ssh-key.ts';
import { syncCommand } from '../declaration.ts';
import { type Parameter, p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { insertKeyPair } from './insert.ts';
import { sshKeyPairResponseFields } from './response.ts';

const publicKeyParameter: Parameter<SshPublicKey, true> = {
  ...p.opaque.required('The public key in OpenSSH format: one line, without options', { maxLength: 8192 }),
  kind: 'sshPublicKey',
  parse: parseSshPublicKey,
};

export const registerSSHKeyPair = syncCommand({
  name: 'registerSSHKeyPair',
  description: 'Keeps a public SSH key under a name',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    name: p.name.required('Its name'),
    publickey: publicKeyParameter,
    account: p.text.optional('The account to keep it for; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The account's domain"),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: 'keypair',
  responseFields: sshKeyPairResponseFields,
  handler: async (context, { name, publickey, ...named }) =>
    insertKeyPair(context, await context.owner(named), name, publickey),
});
