// Bad calls about SSH keys, user data and passwords.
import { type Row, row, type Subjects } from './rule-subjects.ts';

const base64 = (words: string) => Buffer.from(words).toString('base64');
const machine = ({ world, ids }: Subjects) => ({
  zoneid: world.zoneId,
  serviceofferingid: world.serviceOfferingId,
  templateid: world.templateId,
  networkids: ids.network,
});
const userDataId = ({ world }: Subjects) => String(world.belongings.owner.user_data);
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

/** SSH keys, user data, passwords. */
export const metadataRows: readonly Row[] = [
  row('a name that is taken', 'createSSHKeyPair', () => ({ name: 'belongs' }), 431, /name/),
  row('a name that is taken', 'registerSSHKeyPair', () => ({ name: 'belongs', publickey: key }), 431, /name/),
  row('a key pair that is not there', 'deleteSSHKeyPair', () => ({ name: 'nothing' }), 431, /name/),
  row(
    'a key pair of another account',
    'deployVirtualMachine',
    (s) => ({ ...machine(s), keypair: 'nothing' }),
    431,
    /keypair/,
  ),
  row(
    'more keys than a guest takes',
    'deployVirtualMachine',
    (s) => ({ ...machine(s), keypairs: Array.from({ length: 33 }, (_, number) => `k${number}`).join(',') }),
    431,
    /keypairs/,
  ),
  row(
    'a password for a template that takes none',
    'deployVirtualMachine',
    (s) => ({ ...machine(s), password: 'correct-Horse7' }),
    431,
    /password/,
  ),
  row(
    'user data twice',
    'deployVirtualMachine',
    (s) => ({ ...machine(s), userdata: base64('x'), userdataid: userDataId(s) }),
    431,
    /userdataid/,
  ),
  row(
    'user data over the limit',
    'updateVirtualMachine',
    ({ ids }) => ({ id: ids.machine, userdata: base64('x'.repeat(30_000)) }),
    431,
    /userdata/,
  ),
  row(
    'variables that are no words',
    'updateVirtualMachine',
    ({ ids }) => ({ id: ids.machine, 'userdatadetails[0].a/b': 'c' }),
    431,
    /userdatadetails/,
  ),
  row('a name that is taken', 'registerUserData', () => ({ name: 'belongs', userdata: base64('x') }), 431, /name/),
  row('no keys', 'resetSSHKeyForVirtualMachine', ({ ids }) => ({ id: ids.machine }), 431, /keypair/),
  row('a running instance', 'resetPasswordForVirtualMachine', ({ ids }) => ({ id: ids.machine }), 431, /Stopped/),
  row('a running instance', 'resetUserDataForVirtualMachine', ({ ids }) => ({ id: ids.machine }), 431, /Stopped/),
  row(
    'a running instance',
    'resetSSHKeyForVirtualMachine',
    ({ ids }) => ({ id: ids.machine, keypair: 'belongs' }),
    431,
    /Stopped/,
  ),
  row(
    'a policy without user data',
    'linkUserDataToTemplate',
    ({ world }) => ({ templateid: world.templateId, userdatapolicy: 'APPEND' }),
    431,
    /userdatapolicy/,
    'root',
  ),
];
