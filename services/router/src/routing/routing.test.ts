import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import { parseDevices } from '@isthmus/templates/routing';
import test from 'ava';
import {
  documentOf,
  enforce,
  fullChange,
  type Lab,
  partChange,
  publicAddress,
  settings,
  withLab,
} from '../namespace-fixture.ts';
import { CheckError } from '../service.ts';
import { createSystemService } from '../system.ts';
import { createRoutingService } from './routing.ts';

/** Links, addresses, routes and forwarding. Not the operational state, which follows a moment later. */
async function kernel({ see }: Lab): Promise<string> {
  const links = parseDevices(await see('ip', '-json', 'address')).map(
    ({ name, up, mtu, addresses }) => `${name} ${up ? 'up' : 'down'} mtu ${mtu} ${addresses.join(' ')}\n`,
  );
  return [...links, await see('ip', 'route'), await see('sysctl', 'net.ipv4.ip_forward')].join('');
}

test('a router from nothing: interfaces, addresses, default route, and forwarding', (t) =>
  withLab(async (lab) => {
    const service = createRoutingService(lab.context);
    await enforce(service, fullChange(documentOf({ a: publicAddress(3) })));
    const text = await kernel(lab);
    t.regex(text, /eth0 up mtu 1450 10\.1\.1\.1\/24/);
    t.regex(text, /eth2 up mtu 1500 203\.0\.113\.2\/24 203\.0\.113\.3\/24/);
    t.regex(text, /default via 203\.0\.113\.1 dev eth2 src 203\.0\.113\.2/);
    t.regex(text, /ip_forward = 1/);
    t.true((await service.health()).healthy);
    await service.shutdown();
    t.regex(await kernel(lab), /ip_forward = 0/);
  }));

test('a running router is adopted without a change', (t) =>
  withLab(async (lab) => {
    const document = documentOf({ a: publicAddress(3) });
    const first = createRoutingService(lab.context);
    await enforce(first, fullChange(document));
    await first.release();
    const seen = lab.commands().length;
    const second = createRoutingService(lab.context);
    await enforce(second, fullChange(document));
    t.deepEqual(
      lab
        .commands()
        .slice(seen)
        .filter((command) => !/ip -json -batch|sysctl -e net/.test(command)),
      [],
    );
    await second.release();
  }));

test('one more public address is one ip process, and the others stay when the first goes', (t) =>
  withLab(async (lab) => {
    const service = createRoutingService(lab.context);
    await enforce(createSystemService(lab.context), fullChange(documentOf({})));
    await enforce(service, fullChange(documentOf({ a: publicAddress(3) })));
    const seen = lab.commands().length;
    const grown = documentOf({ a: publicAddress(3), b: publicAddress(4) });
    await enforce(service, partChange(grown, [{ id: 'b', after: publicAddress(4) }]));
    t.is(
      lab
        .commands()
        .slice(seen)
        .filter((command) => command.startsWith('ip -batch')).length,
      1,
    );
    const moved = {
      ...settings.routing,
      interfaces: settings.routing.interfaces.map((each) =>
        each.role === 'public' ? { ...each, address: parseIpv4Address('203.0.113.9') } : each,
      ),
    };
    const next = documentOf({ a: publicAddress(3), b: publicAddress(4) }, { routing: moved });
    await enforce(service, partChange(next, [], ['routing']));
    const text = await kernel(lab);
    for (const address of ['203.0.113.3/24', '203.0.113.4/24', '203.0.113.9/24', 'src 203.0.113.9'])
      t.true(text.includes(address));
    t.false(text.includes('203.0.113.2/'));
    const fewer = documentOf({ b: publicAddress(4) }, { routing: moved });
    await enforce(service, partChange(fewer, [{ id: 'a', before: publicAddress(3) }]));
    t.false((await kernel(lab)).includes('203.0.113.3'));
    await service.release();
  }));

test('a change of other sections is no work', (t) =>
  withLab(async (lab) => {
    const service = createRoutingService(lab.context);
    await enforce(service, fullChange(documentOf({})));
    t.is(service.plan(partChange(documentOf({}), [], ['dhcp'])), null);
    await service.release();
  }));

test('a revert restores the kernel exactly, after a full change and after a small one, done or half done', (t) =>
  withLab(async (lab) => {
    await lab.see('ip', 'address', 'add', '192.0.2.7/24', 'dev', 'eth0');
    const service = createRoutingService(lab.context);
    const bare = await kernel(lab);
    const full = service.plan(fullChange(documentOf({})));
    await full?.stage();
    await full?.apply();
    t.false((await kernel(lab)).includes('192.0.2.7'));
    await full?.revert();
    t.is(await kernel(lab), bare);
    await enforce(service, fullChange(documentOf({ a: publicAddress(3) })));
    const before = await kernel(lab);
    const grown = documentOf({ a: publicAddress(3), b: publicAddress(4) });
    for (const isApplied of [false, true]) {
      const small = service.plan(partChange(grown, [{ id: 'b', after: publicAddress(4) }]));
      await small?.stage();
      if (isApplied) await small?.apply();
      await small?.revert();
      t.is(await kernel(lab), before);
    }
    t.true(await enforce(service, partChange(grown, [{ id: 'b', after: publicAddress(4) }])));
    await service.release();
  }));

test('an address that somebody took away is found and mended, and does not stand in the way of a change', (t) =>
  withLab(async (lab) => {
    const service = createRoutingService(lab.context);
    await enforce(service, fullChange(documentOf({ a: publicAddress(3) })));
    await lab.see('ip', 'address', 'delete', '203.0.113.3/24', 'dev', 'eth2');
    await lab.see('sysctl', '-w', 'net.ipv4.ip_forward=0');
    const health = await service.health();
    t.false(health.healthy);
    t.regex(health.detail, /203\.0\.113\.3/);
    t.regex(health.detail, /ip_forward/);
    // Nobody is at the default gateway, which a slow machine finds out before the test has ended.
    const fault = /203\.0\.113\.3|ip_forward/;
    await service.heal();
    t.notRegex((await service.health()).detail, fault);
    await lab.see('ip', 'address', 'delete', '203.0.113.3/24', 'dev', 'eth2');
    await enforce(service, partChange(documentOf({}), [{ id: 'a', before: publicAddress(3) }]));
    t.notRegex((await service.health()).detail, fault);
    await service.release();
  }));

test('a device is found by its MAC address and gets its name, also where two have to swap', (t) =>
  withLab(async (lab) => {
    const [first, second] = settings.routing.interfaces;
    if (first === undefined || second === undefined) return t.fail();
    const routing = {
      ...settings.routing,
      interfaces: [
        { ...first, macAddress: second.macAddress },
        { ...second, macAddress: first.macAddress },
      ],
    };
    const service = createRoutingService(lab.context);
    await enforce(service, fullChange(documentOf({}, { routing })));
    t.regex(await lab.see('ip', '-br', 'link', 'show', 'eth0'), /02:00:00:00:00:02/);
    t.true((await service.health()).healthy);
    await service.release();
  }));

test('a NIC that is not there is refused before anything changes', (t) =>
  withLab(async (lab) => {
    const [first] = settings.routing.interfaces;
    if (first === undefined) return t.fail();
    const absent = { ...first, name: 'eth7' as typeof first.name, macAddress: parseMacAddress('02:00:00:00:00:77') };
    const before = await kernel(lab);
    const document = documentOf({}, { routing: { interfaces: [absent] } });
    const service = createRoutingService(lab.context);
    const error = await t.throwsAsync(enforce(service, fullChange(document)), { instanceOf: CheckError });
    t.deepEqual(error.paths, ['routing.interfaces.0']);
    t.is(await kernel(lab), before);
    t.true(service.check(fullChange(document)).length > 0);
  }));

test('a gateway that does not answer is a finding, and the health check does not wait for it', (t) =>
  withLab(async (lab) => {
    const service = createRoutingService(lab.context);
    await enforce(service, fullChange(documentOf({})));
    t.true((await service.health()).healthy);
    await lab.host.clock.sleep(2500);
    t.regex((await service.health()).detail, /default gateway 203\.0\.113\.1 does not answer/);
    await service.release();
  }));

test('a gateway that answers is told, and a new address is announced to the neighbours', (t) =>
  withLab(async (lab) => {
    await lab.seeBeyond('ip', 'address', 'add', '203.0.113.1/24', 'dev', 'outside');
    await lab.seeBeyond('sysctl', '-w', 'net.ipv4.conf.outside.arp_accept=1');
    const service = createRoutingService(lab.context);
    await enforce(service, fullChange(documentOf({})));
    await service.health();
    await lab.host.clock.sleep(500);
    t.is((await service.health()).detail, 'in force; default gateway: answers');
    await enforce(service, partChange(documentOf({ a: publicAddress(3) }), [{ id: 'a', after: publicAddress(3) }]));
    await lab.host.clock.sleep(500);
    t.regex(await lab.seeBeyond('ip', 'neigh'), /203\.0\.113\.3 dev outside lladdr 02:00:00:00:00:02/);
    await service.release();
  }));
