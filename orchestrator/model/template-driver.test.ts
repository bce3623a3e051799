import test from 'ava';
import { driverOfTemplate, templateWithoutHost } from './template-driver.ts';

const namespace = { name: 'isthmus-http-echo', url: 'builtin:http-echo' };
const guest = { name: 'isthmus-guest', url: 'image:guest' };
const file = { name: 'debian', url: 'file:///srv/debian.qcow2' };

test('built-in templates run on namespace hosts, those with a disk on libvirt hosts', (t) => {
  t.is(driverOfTemplate(namespace), 'namespace');
  t.is(driverOfTemplate(guest), 'libvirt');
  t.is(driverOfTemplate(file), 'libvirt');
});

test('a zone without a host of the driver is named, with what it has', (t) => {
  t.is(templateWithoutHost(guest, 'zone1', ['namespace', 'libvirt']), null);
  t.is(
    templateWithoutHost(guest, 'zone1', ['namespace', null, 'namespace']),
    'template isthmus-guest runs on hosts of driver libvirt, and zone zone1 has hosts of driver namespace only',
  );
  t.is(templateWithoutHost(namespace, 'zone1', [null]), null);
});
