import { randomBytes } from 'node:crypto';
import { createHost, createNamespaceHost, silentLog } from '@isthmus/host';
import { ipv4FromNumber, macFromNumber } from '@isthmus/net';
import test from 'ava';
import { portName } from './names.ts';
import { PortGuard } from './port-guard.ts';
import type { GuardedPort } from './port-security.ts';

const host = createHost({ log: silentLog });

function port(number: number): GuardedPort {
  return {
    name: portName('ab12', 'i', `instance-${number}`, 0),
    macAddress: macFromNumber(number),
    addresses: [ipv4FromNumber(0x0a010000 + number)],
  };
}

async function inNamespace(t: { teardown(end: () => Promise<void>): void }) {
  const name = `guard-${process.pid}-${randomBytes(3).toString('hex')}`;
  await host.commands.run('ip', ['netns', 'add', name]);
  t.teardown(async () => void (await host.commands.run('ip', ['netns', 'delete', name])));
  const { commands } = createNamespaceHost(host, name);
  const saved = async () => (await commands.run('ebtables-nft-save', [])).stdout.replaceAll(/^#.*\n/gm, '');
  return { commands, saved };
}

test('ports come and go without a trace of them or a change to what others have', async (t) => {
  const { commands, saved } = await inNamespace(t);
  const others = [
    '*nat',
    ':someone ACCEPT',
    '-A someone -s 02:00:00:00:00:99 -j DROP',
    '-A PREROUTING -i vnet0 -j someone',
  ];
  await commands.run('ebtables-nft-restore', ['--noflush'], { input: `${others.join('\n')}\n` });
  const before = await saved();
  const guard = new PortGuard(commands, 'ab12');
  await guard.load([port(1), port(2)]);
  await Promise.all([guard.set(port(3)), guard.set(port(4)), guard.remove(port(1).name)]);
  const loaded = await saved();
  for (const line of others.slice(2)) t.true(loaded.includes(line));
  t.true(loaded.includes(`--ip-src ${port(4).addresses[0]} -j ACCEPT`));
  t.false(loaded.includes(port(1).name));
  await guard.removeAll();
  t.is(await saved(), before);
});

test('a restart brings exactly its ports, and a repeated one changes nothing', async (t) => {
  const { commands, saved } = await inNamespace(t);
  await new PortGuard(commands, 'ab12').load([port(1), port(2), port(3)]);
  await new PortGuard(commands, 'ab12').load([port(2), port(5)]);
  const loaded = await saved();
  t.false(loaded.includes(port(1).name));
  t.true(loaded.includes(port(5).name));
  await new PortGuard(commands, 'ab12').load([port(2), port(5)]);
  t.is(await saved(), loaded);
});

test('rules that someone flushed come back with the next change', async (t) => {
  const { commands, saved } = await inNamespace(t);
  const guard = new PortGuard(commands, 'ab12');
  await guard.load([port(1)]);
  await commands.run('ebtables-nft', ['-t', 'nat', '-F']);
  await commands.run('ebtables-nft', ['-t', 'nat', '-X']);
  await guard.remove(port(1).name);
  await guard.set(port(2));
  const loaded = await saved();
  t.true(loaded.includes('-A PREROUTING -i ab12i+ -j ith-ab12-ports'));
  t.false(loaded.includes(port(1).name));
  t.true(loaded.includes(port(2).name));
});

test('300 ports are loaded by one run, and one more is added by another', async (t) => {
  const { commands, saved } = await inNamespace(t);
  const guard = new PortGuard(commands, 'ab12');
  const started = performance.now();
  await guard.load(Array.from({ length: 300 }, (_, index) => port(index + 1)));
  const loaded = performance.now();
  await guard.set(port(301));
  const added = performance.now();
  await guard.remove(port(301).name);
  const removed = performance.now();
  t.log(`load ${loaded - started} ms, add ${added - loaded} ms, remove ${removed - added} ms`);
  const rules = await saved();
  t.true([1, 150, 300].every((number) => rules.includes(port(number).name)));
  t.false(rules.includes(port(301).name));
});
