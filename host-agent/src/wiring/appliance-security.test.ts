import { randomBytes } from 'node:crypto';
import { createHost, createNamespaceHost, silentLog } from '@isthmus/host';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { ApplianceGuard, type SecuredAppliance } from './appliance-security.ts';

const machine = createHost({ log: silentLog });
const own = { macAddress: parseMacAddress('02:00:00:00:00:05'), addresses: [parseIpv4Address('192.0.2.5')] };
const open = { macAddress: parseMacAddress('02:00:00:00:00:06'), addresses: null };
const proxy: SecuredAppliance = { id: '0a1b2c3d-1111-4222-8333-444455556666', nics: [own] };
const router: SecuredAppliance = { id: '1a1b2c3d-1111-4222-8333-444455556666', nics: [open] };

test('an appliance whose addresses are known sends from them alone; others, and what is flushed, are seen to', async (t) => {
  const namespace = `own-${randomBytes(4).toString('hex')}`;
  await machine.commands.run('ip', ['netns', 'add', namespace]);
  t.teardown(() => machine.commands.run('ip', ['netns', 'delete', namespace]).then(() => undefined));
  const { commands } = createNamespaceHost(machine, namespace);
  const lines = async () =>
    (await commands.run('ebtables-nft-save', [])).stdout.split('\n').filter((line) => line.includes('ab12'));
  const guard = new ApplianceGuard(commands, 'ab12');
  await guard.load([router]);
  t.deepEqual(await lines(), [], 'routers pass');
  await guard.set(proxy);
  const rules = await lines();
  t.true(rules.includes('-A PREROUTING -i ab12r+ -j ith-ab12-appliances'));
  t.true(rules.includes('-A ith-ab12-appliances -i ab12r0a1b2c3d+ -j ith-ab12-r0a1b2c3d'));
  t.is(rules.at(-1), '-A ith-ab12-r0a1b2c3d -j DROP');
  t.is(rules.filter((line) => line.includes('-A ith-ab12-r0a1b2c3d ')).length, 5);
  await guard.set(proxy);
  t.deepEqual(await lines(), rules);
  await commands.run('ebtables-nft', ['-t', 'nat', '-F', 'PREROUTING']);
  await guard.heal();
  t.deepEqual([...(await lines())].sort(), [...rules].sort());
  await guard.set({ ...proxy, nics: [own, open] });
  t.is((await lines()).filter((line) => line.includes('-A ith-ab12-r0a1b2c3d ')).length, 6);
  await new ApplianceGuard(commands, 'ab12').load([proxy]);
  t.deepEqual([...(await lines())].sort(), [...rules].sort());
  await guard.remove(router.id);
  await guard.remove(proxy.id);
  t.deepEqual(await lines(), []);
});
