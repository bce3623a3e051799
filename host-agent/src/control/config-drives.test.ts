import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { type ApplianceSpec, type Bootstrap, ConfigDriveSchema, type ControlNic, validator } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import { parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { ConfigDrives } from './config-drives.ts';

const host = createHost({ log: silentLog });
const pem = (what: string) => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`;

const spec: ApplianceSpec = {
  kind: 'router',
  nics: [
    {
      name: parseInterfaceName('eth0'),
      macAddress: parseMacAddress('02:00:00:00:00:01'),
      segment: { kind: 'guest', id: 'guest', vni: 7 },
      addresses: null,
    },
  ],
};
const control: ControlNic = {
  macAddress: parseMacAddress('06:00:00:00:00:02'),
  address: parseIpv4Address('169.254.8.2'),
  prefixLength: 22,
  gateway: parseIpv4Address('169.254.8.1'),
};
const bootstrap: Bootstrap = {
  installation: 'ab12',
  privateKey: pem('PRIVATE KEY'),
  grant: { certificate: pem('CERTIFICATE'), authorities: [pem('CERTIFICATE')], revoked: [] },
  push: null,
};

async function drives(t: { teardown(end: () => Promise<void>): void }) {
  const run = await mkdtemp('/tmp/isthmus-drives-');
  t.teardown(() => rm(run, { recursive: true, force: true }));
  const extract = async (image: string, name: string) => {
    const to = `${run}/extracted`;
    await rm(to, { force: true });
    await host.commands.run('xorriso', ['-osirrox', 'on', '-indev', image, '-extract', `/${name}`, to]);
    return readFile(to, 'utf8');
  };
  return { run, made: new ConfigDrives(host, run), extract };
}

test('a drive says who the appliance is, its control NIC and its NICs, with a checksum, and root alone may read it', async (t) => {
  const { made, extract, run } = await drives(t);
  t.is(await made.image('router', spec, control), null);
  await made.put('router', bootstrap);
  const image = (await made.image('router', spec, control)) ?? '';
  const text = await extract(image, 'config.json');
  const drive: unknown = JSON.parse(text);
  t.true(validator(ConfigDriveSchema).check(drive));
  t.deepEqual(drive, {
    ...{ id: 'router', kind: 'router', bootstrap, control },
    nics: [{ name: 'eth0', macAddress: '02:00:00:00:00:01' }],
  });
  t.is((await extract(image, 'config.json.sha256')).trim(), createHash('sha256').update(text).digest('hex'));
  const volume = (await readFile(image))
    .subarray(16 * 2048 + 40, 16 * 2048 + 72)
    .toString('latin1')
    .trim();
  t.is(volume, 'ISTHMUS');
  for (const path of [image, `${run}/config-drives/router/bootstrap.json`])
    t.is((await stat(path)).mode & 0o777, 0o600);
  t.is((await stat(`${run}/config-drives/router`)).mode & 0o777, 0o711);
});

test('a host agent that starts anew finds the drive; the same drive is the same file, another one a new file', async (t) => {
  const { made, run } = await drives(t);
  await made.put('router', bootstrap);
  const image = (await made.image('router', spec, control)) ?? '';
  const { ino } = await stat(image);
  const again = new ConfigDrives(host, run);
  t.true(await again.has('router'));
  t.is(await again.image('router', spec, control), image);
  t.is((await stat(image)).ino, ino);
  await again.put('router', { ...bootstrap, privateKey: pem('EC PRIVATE KEY') });
  t.is(await again.image('router', spec, control), image);
  t.not((await stat(image)).ino, ino);
});

test('a drive that was removed is gone with all that it was made of', async (t) => {
  const { made, run } = await drives(t);
  await made.put('router', bootstrap);
  await made.image('router', spec, control);
  await made.remove('router');
  await made.remove('router');
  t.false(await made.has('router'));
  t.deepEqual(await host.files.list(`${run}/config-drives`), []);
});

test('a folder holds what the drive would, as long as the appliance has one', async (t) => {
  const { made, run, extract } = await drives(t);
  const folder = `${run}/folder`;
  await made.spread('router', spec, control, folder);
  t.deepEqual(await host.files.list(folder), []);
  await made.put('router', bootstrap);
  await made.spread('router', spec, control, folder);
  const text = await readFile(`${folder}/config.json`, 'utf8');
  t.is(text, await extract((await made.image('router', spec, control)) ?? '', 'config.json'));
  const digest = (await readFile(`${folder}/config.json.sha256`, 'utf8')).trim();
  t.is(digest, createHash('sha256').update(text).digest('hex'));
  t.is((await stat(folder)).mode & 0o007, 0);
  const { ino } = await stat(`${folder}/config.json`);
  await made.spread('router', spec, control, folder);
  t.is((await stat(`${folder}/config.json`)).ino, ino);
  await made.remove('router');
  await made.spread('router', spec, control, folder);
  t.deepEqual(await host.files.list(folder), []);
});
