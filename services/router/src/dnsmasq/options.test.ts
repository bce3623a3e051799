import { createHost, createLog } from '@isthmus/host';
import { parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import type { RouterService } from '../service.ts';
import { createDnsmasqService } from './dnsmasq.ts';
import { type DnsmasqLab, dnsmasqLab, guests, hostOf, push, settingsOf, TestDocument } from './dnsmasq-fixture.ts';

async function bench(
  t: ExecutionContext,
): Promise<{ lab: DnsmasqLab; service: RouterService; document: TestDocument }> {
  const lab = await dnsmasqLab();
  const service = createDnsmasqService({ host: lab.router, paths: lab.paths, namePrefix: 'itd' });
  t.teardown(async () => {
    await service.shutdown();
    await lab.end();
  });
  return { lab, service, document: new TestDocument() };
}

/** Bytes of each value below, as a client hands an option on that it does not know. */
const options = {
  4: ['10.1.1.9', '0a010109'],
  17: ['/srv/root, ro', Buffer.from('/srv/root, ro').toString('hex')],
  19: ['true', '01'],
  22: ['1400', '0578'],
  42: ['10.1.1.9,10.1.1.10', '0a0101090a01010a'],
  // With the octet of 0 that dnsmasq writes for clients that expect it.
  66: ['tftp.example.org', `${Buffer.from('tftp.example.org').toString('hex')}00`],
  114: ['https://portal.example.org/api?a=b,c', Buffer.from('https://portal.example.org/api?a=b,c').toString('hex')],
  119: ['a.example,b.example', '016107657861 6d706c65000162c002'.replaceAll(' ', '')],
  121: ['10.9.0.0/16,10.1.1.254', '100a090a0101fe'],
  224: ['0x00ff10', '00ff10'],
  225: ['one "two", three\\ !', Buffer.from('one "two", three\\ !').toString('hex')],
  226: ['5', '35'],
} as const;
const given = Object.entries(options).map(([code, [value]]) => ({ code: Number(code), value }));

test('a guest gets the options of its NIC, byte for byte, before those of its network', async (t) => {
  const { lab, service, document } = await bench(t);
  const settings = settingsOf({
    options: [
      { code: 225, value: "the network's" },
      { code: 230, value: 'all' },
    ],
  });
  const hosts = { h1: hostOf(1, { options: given }), h3: hostOf(3) };
  await push(service, document.change({ full: true, settings, hosts }));
  const wanted = [...Object.keys(options), '230'].map(Number);
  const answered = await lab.options('02:00:00:00:00:01', wanted);
  for (const [code, [value, bytes]] of Object.entries(options))
    t.is(answered.get(Number(code)), bytes, `${code}=${value}`);
  t.is(answered.get(230), Buffer.from('all').toString('hex'));
  const neighbour = await lab.options('02:00:00:00:00:03', wanted);
  t.deepEqual([...neighbour.keys()].sort(), [225, 230]);
  await push(service, document.change({ hosts: { h1: hostOf(1) } }));
  t.deepEqual([...(await lab.options('02:00:00:00:00:01', wanted)).keys()].sort(), [225, 230]);
});

test('a NIC that is not the default one is told of no router, resolver or domain, and of its MTU', async (t) => {
  const { lab, service, document } = await bench(t);
  const hosts = { h1: hostOf(1, { isDefault: false }), h3: hostOf(3) };
  await push(service, document.change({ full: true, settings: settingsOf({ mtu: 1400 }), hosts }));
  t.deepEqual([...(await lab.options('02:00:00:00:00:01', [3, 6, 15, 26])).keys()], [26]);
  t.deepEqual([...(await lab.options('02:00:00:00:00:03', [3, 6, 15, 26])).keys()].sort(), [15, 26, 3, 6]);
});

test('what is switched off ends, and serves again when it is switched on; what is left goes on', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1]) }));
  await push(service, document.change({ settings: settingsOf({ enabled: false }) }));
  t.is(await lab.lease('02:00:00:00:00:01'), null);
  t.deepEqual(await lab.dig('vm1'), ['10.1.1.1']);
  t.like(await service.health(), { healthy: true });
  await push(service, document.change({ settings: settingsOf({ enabled: false }, { enabled: false }) }));
  const { stdout } = await lab.router.commands.run('ss', ['-lnuH']);
  t.is(stdout, '', 'a dnsmasq listens');
  t.like(await service.health(), { healthy: true });
  await push(service, document.change(guests([2])));
  await push(service, document.change({ settings: settingsOf({}, { enabled: false }) }));
  t.is((await lab.lease('02:00:00:00:00:02'))?.ip, '10.1.1.2');
  t.notDeepEqual(await lab.dig('vm2'), ['10.1.1.2']);
  await push(service, document.change({ settings: settingsOf() }));
  t.deepEqual(await lab.dig('vm2'), ['10.1.1.2']);
});

test('guests are told of other resolvers where the settings say so', async (t) => {
  const { lab, service, document } = await bench(t);
  await push(service, document.change({ full: true, ...guests([1]) }));
  const dnsServers = ['192.0.2.53', '192.0.2.54'].map(parseIpv4Address);
  await push(service, document.change({ settings: settingsOf({ dnsServers }) }));
  t.is((await lab.lease('02:00:00:00:00:01'))?.dns, '192.0.2.53 192.0.2.54');
});

test('options that are not a tenant’s to set, or not of their type, are refused by their path', (t) => {
  const host = createHost({ log: createLog({ level: 'silent' }) });
  const service = createDnsmasqService({ host, paths: { state: '/nowhere', run: '/nowhere' }, namePrefix: 'itd' });
  const bad = [
    { code: 3, value: '10.1.1.9' },
    { code: 42, value: 'ntp.example.org' },
    { code: 67, value: 'a"b' },
    { code: 224, value: '0xf' },
    { code: 224, value: 'twice' },
  ];
  const found = service.check(new TestDocument().change({ full: true, hosts: { h1: hostOf(1, { options: bad }) } }));
  t.deepEqual(
    found.map(({ path }) => path),
    [0, 1, 2, 3].map((index) => `dhcp.hosts.h1.options.${index}`).concat('dhcp.hosts.h1.options.4.code'),
  );
});
