import { mkdir, readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { type Domain, renderDomain, renderNic } from './domain.ts';
import { readDomain, readVncPassword } from './read-domain.ts';

const golden = new URL('golden/', import.meta.url);

const router: Domain = {
  name: 'ith-ab12-r-0a1b2c3d',
  uuid: '0a1b2c3d-0000-8000-8000-000000000001',
  id: '0a1b2c3d-1111-4111-8111-111111111111',
  hash: '0123456789abcdef0123456789abcdef',
  accelerator: 'tcg',
  cpus: 1,
  memoryBytes: 256 * 1024 * 1024 + 1,
  kernel: { kernel: '/images/k', initrd: '/images/i', commandLine: `console=ttyS0 a="<&>" b='c'` },
  disk: { path: '/state/disk.qcow2', base: '/images/d', baseFormat: 'qcow2' },
  nics: [
    { port: 'ab12r0a1b2c3d0', macAddress: '02:00:00:00:00:01' },
    { port: 'ab12r0a1b2c3dc', macAddress: '06:00:00:00:00:02' },
  ],
  cdrom: '/run/config.iso',
  owner: '64055:109',
  consoles: { serial: '/run/serial.sock', serialLog: '/state/serial.log', vnc: '/run/vnc/vnc.sock' },
  vncPassword: `a'<&>"z`,
};
const { cdrom: _, ...withoutDrive } = router;
const instance: Domain = { ...withoutDrive, accelerator: 'kvm', cpus: 2, kernel: null, nics: [] };

for (const [name, domain] of Object.entries({ router, instance })) {
  test(`a ${name}'s domain is as the golden file says`, async (t) => {
    const path = new URL(`${name}.xml`, golden);
    const text = renderDomain(domain);
    if (process.env.UPDATE_GOLDEN === '1') {
      await mkdir(golden, { recursive: true });
      await writeFile(path, text);
    }
    t.is(text, await readFile(path, 'utf8'));
  });
}

test('what was rendered is read back', (t) => {
  const { name, id, hash, nics } = router;
  t.deepEqual(readDomain(renderDomain(router)), {
    name,
    id,
    hash,
    nics,
    cdrom: { target: 'hda', source: '/run/config.iso' },
  });
  t.is(readDomain(renderDomain({ ...router, cdrom: null })).cdrom?.source, null);
  t.is(readDomain(renderDomain(instance)).cdrom, null);
  t.is(readVncPassword(renderDomain(router)), router.vncPassword);
});

test("another's domain is none of ours", (t) => {
  const found = readDomain("<domain type='kvm' id='3'><name>web &amp; mail</name><devices/></domain>");
  t.deepEqual(found, { name: 'web & mail', id: null, hash: null, nics: [], cdrom: null });
  const graphics = "<graphics type='vnc'><listen type='socket' socket='/run/vnc.sock'/></graphics>";
  t.is(readVncPassword(`<domain><name>web</name><devices>${graphics}</devices></domain>`), null);
  t.throws(() => readDomain('<network/>'), { message: /expected a name/ });
});

test('a path with a line break is refused', (t) => {
  t.throws(() => renderNic({ port: 'a\nb', macAddress: '02:00:00:00:00:01' }), { instanceOf: RangeError });
});
