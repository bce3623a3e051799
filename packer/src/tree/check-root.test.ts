import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { appliances } from '@isthmus/appliances';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { checkRoot, openAccounts } from './check-root.ts';

const host = createHost({ log: silentLog });
const { router } = appliances;

/** A manifest that wants no programs: what a root holds too much is looked at alone. */
const manifest = router.root === null ? router : { ...router, root: { ...router.root, programs: [] } };

test('an account that a password opens is found', (t) => {
  t.deepEqual(openAccounts('root:*:1::::::\nbin:!:1::::::\n'), []);
  t.deepEqual(openAccounts('root::1::::::\nadmin:$6$abc:1::::::\ndaemon:*:1::::::\n'), ['root', 'admin']);
});

test('what must not be in a root is named', async (t) => {
  const root = await mkdtemp(`${tmpdir()}/isthmus-root-`);
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const write = async (path: string, text = '', mode = 0o644) => {
    await mkdir(dirname(root + path), { recursive: true });
    await writeFile(root + path, text);
    await chmod(root + path, mode);
  };
  await write('/etc/shadow', 'root:*:1::::::\n', 0o600);
  await t.notThrowsAsync(checkRoot(host, manifest, root, false));
  await write('/etc/shadow', 'root::1::::::\n', 0o600);
  await write('/etc/machine-id', '1\n');
  await write('/usr/bin/su', '', 0o4755);
  await write('/usr/sbin/sshd', '', 0o755);
  await write('/etc/ssl/key.pem', '-----BEGIN PRIVATE KEY-----\n');
  await write('/etc/open', '', 0o666);
  const error = await t.throwsAsync(checkRoot(host, manifest, root, false));
  for (const words of [
    '/usr/bin/su has a setuid or setgid bit',
    '/etc/machine-id tells copies of the image apart',
    '/etc/open can be written by everybody',
    '/usr/sbin/sshd is in an image without --debug',
    'account root is not locked',
    '/etc/ssl/key.pem holds a private key',
  ]) {
    t.true(error?.message.includes(words), words);
  }
});

test('a program that is absent, or whose library is, is named', async (t) => {
  const root = await mkdtemp(`${tmpdir()}/isthmus-root-`);
  t.teardown(() => rm(root, { recursive: true, force: true }));
  await mkdir(`${root}/etc`);
  await writeFile(`${root}/etc/shadow`, '');
  const error = await t.throwsAsync(checkRoot(host, router, root, false));
  t.true(error?.message.includes('/usr/sbin/dnsmasq is absent'));
});
