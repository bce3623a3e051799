import { readFile, writeFile } from 'node:fs/promises';
import type { MetadataGuest } from '@isthmus/contract';
import { parseHostname, parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { metadataContent, metadataResource } from './index.ts';

const whole: MetadataGuest = {
  address: parseIpv4Address('10.1.1.5'),
  localHostname: parseHostname('vm1'),
  instanceId: '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
  vmId: '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
  serviceOffering: 'Small Instance',
  availabilityZone: 'zone-1',
  publicIpv4: parseIpv4Address('203.0.113.2'),
  publicHostname: '203.0.113.2',
  cloudIdentifier: 'CloudStack-{6ba7b810-9dad-41d1-80b4-00c04fd430c9}',
  hypervisorHostName: 'host-1',
  publicKeys: ['ssh-ed25519 AAAA one', 'ssh-rsa BBBB two'],
  variables: { tier: 'web', 'vm-id': 'another' },
  userData: Buffer.from('#!/bin/sh\necho hello\n').toString('base64'),
};
const { publicIpv4: _, publicHostname: __, hypervisorHostName: ___, userData: ____, variables: _____, ...bare } = whole;
const least: MetadataGuest = { ...bare, publicKeys: [] };

function read(guest: MetadataGuest, path: string): string | null {
  const resource = metadataResource(path);
  const content = resource === null ? null : metadataContent(guest, resource);
  return content === null || typeof content === 'string' ? content : Buffer.from(content).toString();
}

const paths = [
  '/',
  '/latest/',
  '/latest/user-data',
  '/latest/meta-data/',
  ...(read(whole, '/latest/meta-data/') ?? '').split('\n').map((item) => `/latest/meta-data/${item}`),
];

for (const [name, guest] of Object.entries({ whole, least })) {
  test(`golden file ${name}`, async (t) => {
    const text = paths.map((path) => `== ${path}\n${read(guest, path) ?? '(404)'}\n`).join('');
    const golden = new URL(`./golden/${name}`, import.meta.url);
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(golden, text);
    t.is(text, await readFile(golden, 'utf8'));
  });
}

test('an index lists what can be read, and nothing else', (t) => {
  for (const guest of [whole, least]) {
    const listed = (read(guest, '/latest/meta-data') ?? '').split('\n');
    for (const item of listed) t.not(read(guest, `/latest/meta-data/${item}`), null, item);
    t.is(listed.includes('public-ipv4'), guest === whole);
  }
});

test('old guests leave meta-data out of the path, and ask for version 1.0', (t) => {
  t.is(read(whole, '/latest/public-keys'), 'ssh-ed25519 AAAA one\nssh-rsa BBBB two\n');
  t.is(read(whole, '/1.0/meta-data/local-ipv4'), '10.1.1.5');
  t.is(read(whole, '/1.0/user-data?x=1'), '#!/bin/sh\necho hello\n');
});

test('anything else names nothing', (t) => {
  const none = ['/latest/meta-data/vm-id/x', '/2009-04-04/meta-data/', '/latest//user-data'];
  const hostile = ['/latest/../etc/passwd', 'http://x/latest/vm-id'];
  for (const path of [...none, ...hostile]) t.is(metadataResource(path), null, path);
  for (const path of ['/latest/meta-data/nothing', '/latest/constructor', '/latest/meta-data/toString']) {
    t.is(read(whole, path), null, path);
  }
});

test('no path throws, and each answer is of the guest', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webPath(), fc.webUrl()), (path) => {
      t.true(['string', 'object'].includes(typeof read(least, path)));
    }),
  );
});
