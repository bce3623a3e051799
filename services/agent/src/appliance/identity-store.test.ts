import { stat } from 'node:fs/promises';
import { MemoryFiles, realFiles } from '@isthmus/host';
import test from 'ava';
import { configOf, folderFor, id, identityOf, installation } from './appliance-fixture.ts';
import { TestAuthority } from './certificates-fixture.ts';
import { IdentityStore, isNewDrive, takeDrive } from './identity-store.ts';

test('an identity is read back, and only root can read it', async (t) => {
  const folder = await folderFor(t);
  const identity = identityOf(await configOf(await TestAuthority.create()));
  const store = new IdentityStore(realFiles, `${folder}/identity`);
  t.is(await store.load(), null);
  await store.save(identity);
  t.deepEqual(await new IdentityStore(realFiles, `${folder}/identity`).load(), identity);
  t.is((await stat(`${folder}/identity/identity.json`)).mode & 0o777, 0o600);
  t.is((await stat(`${folder}/identity`)).mode & 0o777, 0o700);
});

test('a damaged identity is none', async (t) => {
  const files = new MemoryFiles();
  const store = new IdentityStore(files, '/identity');
  await store.save(identityOf(await configOf(await TestAuthority.create())));
  const text = await files.readText('/identity/identity.json');
  for (const damaged of ['', text.slice(0, 100), 'null', '{}', text.replace('"pendingKey"', '"other"')]) {
    await files.writeText('/identity/identity.json', damaged);
    t.is(await store.load(), null, damaged.slice(0, 20));
  }
});

test('a config drive gives the identity; certificates that were granted since it was made are kept', async (t) => {
  const authority = await TestAuthority.create();
  const config = await configOf(authority, { from: -3 });
  const drive = { config, sha256: 'b'.repeat(64) };
  const first = takeDrive(null, drive);
  t.like(first, { id, installation, privateKey: config.bootstrap.privateKey, driveSha256: drive.sha256 });
  t.false(isNewDrive(first, drive));
  t.true(isNewDrive(null, drive));
  const rotated = identityOf(await configOf(authority, { from: -1 }));
  const again = takeDrive(rotated, drive);
  t.is(again.privateKey, rotated.privateKey);
  t.deepEqual(again.grant, rotated.grant);
  t.deepEqual(again.control, config.control);
  const newer = await configOf(authority, { from: -0.5 });
  t.is(takeDrive(rotated, { config: newer, sha256: 'c'.repeat(64) }).privateKey, newer.bootstrap.privateKey);
  const stranger = { ...rotated, id: '11111111-1111-4111-8111-111111111111' };
  t.is(takeDrive(stranger, drive).privateKey, config.bootstrap.privateKey);
});
