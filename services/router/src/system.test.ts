import test from 'ava';
import { documentOf, enforce, fullChange, partChange, settings, withLab } from './namespace-fixture.ts';
import { createSystemService } from './system.ts';

test('kernel settings come into force in the namespace, and forwarding is left alone', (t) =>
  withLab(async ({ context, see }) => {
    const service = createSystemService(context);
    t.true(await enforce(service, fullChange(documentOf({}))));
    const read = async (key: string) => (await see('sysctl', '-n', key)).trim();
    t.is(await read('net.ipv4.conf.all.rp_filter'), '1');
    t.is(await read('net.ipv4.conf.all.arp_ignore'), '1');
    t.is(await read('net.ipv4.conf.eth2.send_redirects'), '0');
    t.is(await read('net.ipv6.conf.all.disable_ipv6'), '1');
    t.is(await read('net.netfilter.nf_conntrack_tcp_loose'), '0');
    t.is(await read('net.ipv4.ip_forward'), '0');
    const health = await service.health();
    t.true(health.healthy);
    // A namespace of this kernel may not set the size of the table: the router serves, and says so.
    t.regex(health.detail, /^every kernel setting|degraded: net\/netfilter\/nf_conntrack_max: \d+, expected 65536/);
    await service.release();
    await service.shutdown();
  }));

test('what is right is not written again, and a change that does not concern it is no work', (t) =>
  withLab(async ({ context, commands }) => {
    await enforce(createSystemService(context), fullChange(documentOf({})));
    const before = commands().length;
    const adopting = createSystemService(context);
    await enforce(adopting, fullChange(documentOf({})));
    const writes = commands()
      .slice(before)
      .filter((command) => command.includes('-p'));
    t.true(writes.length <= 1);
    t.is(adopting.plan(partChange(documentOf({}), [])), null);
    t.is(adopting.plan(partChange(documentOf({}), [], ['dhcp', 'system'])), null);
    const larger = { ...settings.system, conntrackMax: 131_072 };
    t.not(adopting.plan(partChange(documentOf({}, { system: larger }), [], ['system'])), null);
  }));

test('a revert puts every setting back', (t) =>
  withLab(async ({ context, see }) => {
    const all = () =>
      see('sysctl', '-e', '-a', '--pattern', 'net.(ipv4.conf|ipv6.conf|netfilter.nf_conntrack_(udp|tcp))');
    const before = await all();
    const plan = createSystemService(context).plan(fullChange(documentOf({})));
    await plan?.stage();
    await plan?.apply();
    t.not(await all(), before);
    await plan?.revert();
    t.is(await all(), before);
  }));

test('a setting that somebody changes is found and mended', (t) =>
  withLab(async ({ context, see }) => {
    const service = createSystemService(context);
    await enforce(service, fullChange(documentOf({})));
    await see('sysctl', '-w', 'net.ipv4.conf.all.accept_source_route=1');
    const health = await service.health();
    t.false(health.healthy);
    t.is(health.detail.split(';')[0], 'net/ipv4/conf/all/accept_source_route: 1, expected 0');
    await service.heal();
    t.true((await service.health()).healthy);
  }));
