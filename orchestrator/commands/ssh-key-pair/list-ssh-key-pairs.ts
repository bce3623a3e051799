import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentSshKeyPairs, sshKeyPairResponseFields } from './response.ts';

export const listSSHKeyPairs = listCommand({
  name: 'listSSHKeyPairs',
  description: 'Lists SSH key pairs',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'ssh_key_pair',
  keywordColumns: ['name', 'fingerprint'],
  order: ['created'],
  parameters: {
    name: p.name.optional('List by name'),
    fingerprint: p.text.optional('List by fingerprint'),
  },
  responseKey: 'sshkeypair',
  responseFields: sshKeyPairResponseFields,
  filter: (query, { name, fingerprint }) => {
    let q = query;
    if (name !== undefined) q = q.where('ssh_key_pair.name', '=', name);
    if (fingerprint !== undefined) q = q.where('ssh_key_pair.fingerprint', '=', fingerprint);
    return q;
  },
  present: ({ db }, rows) => presentSshKeyPairs(db, rows),
});
