import { truncate, writeFile } from 'node:fs/promises';
import test from 'ava';
import { configOf, driveFiles, folderFor, makeDisc, sha256 } from './appliance-fixture.ts';
import { TestAuthority } from './certificates-fixture.ts';
import { ConfigDriveError, isNoDisc, readConfigDrive } from './config-drive.ts';

test('a config drive is read by the names of Joliet and by those of Rock Ridge', async (t) => {
  const folder = await folderFor(t);
  const config = await configOf(await TestAuthority.create());
  const files = driveFiles(config);
  const beside = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`another-file-number-${index}`, 'x']));
  for (const options of [['-R', '-J'], ['-R'], ['-J']]) {
    const disc = await makeDisc(folder, { ...beside, ...files }, options);
    const drive = await readConfigDrive(disc);
    t.deepEqual(drive, { config, sha256: sha256(files['config.json'] ?? '') }, options.join(' '));
  }
});

test('no disc, a blank one and another disc are no config drive', async (t) => {
  const folder = await folderFor(t);
  t.is(await readConfigDrive(`${folder}/absent`), null);
  const disc = await makeDisc(folder, { 'config.json': '{}' }, ['-R', '-J'], 'SOMETHING');
  t.is(await readConfigDrive(disc), null);
});

test('an empty drive is no disc, and a drive that fails is not an empty one', (t) => {
  const empty = { errno: -123, code: 'Unknown system error -123', syscall: 'open' };
  t.true(isNoDisc(Object.assign(new Error('open'), empty)));
  t.true(isNoDisc(Object.assign(new Error('open'), { errno: -6, code: 'ENXIO' })));
  t.false(isNoDisc(Object.assign(new Error('open'), { errno: -5, code: 'EIO' })));
});

test('a config drive that is cut short anywhere is refused', async (t) => {
  const folder = await folderFor(t);
  const authority = await TestAuthority.create();
  const config = await configOf(authority);
  // Longer than a few sectors, so that cuts fall into the file itself.
  const disc = await makeDisc(
    folder,
    driveFiles({ ...config, nics: Array.from({ length: 5000 }, () => config.nics[0]) }),
  );
  t.is((await readConfigDrive(disc))?.config.nics.length, 5000);
  for (const bytes of [250_000, 120_000, 60_000, 50_000, 40_000, 34_000, 100, 0]) {
    await truncate(disc, bytes);
    await t.throwsAsync(() => readConfigDrive(disc), { instanceOf: ConfigDriveError }, `${bytes} bytes`);
  }
});

test('a config drive that is not as it should be is refused in words, which hold no secret', async (t) => {
  const folder = await folderFor(t);
  const authority = await TestAuthority.create();
  const config = await configOf(authority);
  const { bootstrap } = config;
  const other = await configOf(authority);
  const stranger = await configOf(await TestAuthority.create('another authority'));
  const rows: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ['no file', { 'read.me': '' }, /config\.json is missing/],
    ['no checksum', { 'config.json': '{}' }, /config\.json\.sha256 is missing/],
    ['another checksum', { ...driveFiles(config), 'config.json.sha256': '0'.repeat(64) }, /says 0{64}/],
    ['no JSON', { 'config.json': 'x', 'config.json.sha256': sha256('x') }, /expected JSON/],
    ['a field too many', driveFiles({ ...config, more: 1 }), /config\.json: /],
    ['no control NIC', driveFiles({ ...config, control: undefined }), /control/],
    [
      "another appliance's id",
      driveFiles({ ...config, id: '11111111-1111-4111-8111-111111111111' }),
      /expected URI:urn/,
    ],
    [
      "another's key",
      driveFiles({ ...config, bootstrap: { ...bootstrap, privateKey: other.bootstrap.privateKey } }),
      /for the key/,
    ],
    [
      'a certificate of another authority',
      driveFiles({
        ...stranger,
        bootstrap: {
          ...stranger.bootstrap,
          grant: { ...stranger.bootstrap.grant, authorities: bootstrap.grant.authorities },
        },
      }),
      /has signed/,
    ],
    ['an expired certificate', driveFiles(await configOf(authority, { from: -3, to: -2 })), /is good from/],
    ['one that is not good yet', driveFiles(await configOf(authority, { from: 2, to: 3 })), /is good from/],
  ];
  for (const [name, files, expected] of rows) {
    const disc = await makeDisc(folder, files);
    const error = await t.throwsAsync(() => readConfigDrive(disc), { instanceOf: ConfigDriveError }, name);
    t.regex(error?.message ?? '', expected, name);
    t.notRegex(error?.message ?? '', /PRIVATE KEY/, name);
  }
});

test('what is no disc at all is refused and does not hang', async (t) => {
  const folder = await folderFor(t);
  for (const [name, bytes] of [
    ['noise', Buffer.alloc(300_000, 7)],
    ['nothing', Buffer.alloc(300_000)],
  ] as const) {
    await writeFile(`${folder}/${name}`, bytes);
    await t.throwsAsync(() => readConfigDrive(`${folder}/${name}`), { instanceOf: ConfigDriveError }, name);
  }
});
