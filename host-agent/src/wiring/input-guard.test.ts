import { randomBytes } from 'node:crypto';
import { createHost, createNamespaceHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { InputGuard } from './input-guard.ts';
import { guestBridgeName, publicBridgeName } from './names.ts';

const host = createHost({ log: silentLog });
const bridges = [publicBridgeName('ab12', 'public'), guestBridgeName('ab12', 5)] as const;

async function inNamespace(t: { teardown(end: () => Promise<void>): void }) {
  const name = `input-${process.pid}-${randomBytes(3).toString('hex')}`;
  await host.commands.run('ip', ['netns', 'add', name]);
  t.teardown(async () => void (await host.commands.run('ip', ['netns', 'delete', name])));
  const { commands } = createNamespaceHost(host, name);
  const iptables = (...args: string[]) => commands.run('iptables', args);
  const saved = async () => (await commands.run('iptables-save', [])).stdout.replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '');
  return { commands, iptables, saved };
}

test('the rules stand first while there is a bridge, and leave what others have as it was', async (t) => {
  const { commands, iptables, saved } = await inNamespace(t);
  await iptables('-N', 'someone');
  await iptables('-A', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'ACCEPT');
  const before = await saved();
  const guard = new InputGuard(commands, 'ab12');
  await guard.load(['br-public']);
  await guard.add('br-public');
  t.is(await saved(), before, "an admin's bridge is the admin's");
  await Promise.all(bridges.map((bridge) => guard.add(bridge)));
  const loaded = await saved();
  t.regex(loaded, /(?:-A INPUT -i ab12(?:[pn]\+|c) -j ith-ab12-input\n){3}-A INPUT -p tcp/);
  await guard.remove(bridges[0]);
  t.is(await saved(), loaded);
  await guard.remove(bridges[1]);
  t.is(await saved(), before);
});

test('what someone removed or changed comes back, and what is whole is left alone', async (t) => {
  const { commands, iptables, saved } = await inNamespace(t);
  const guard = new InputGuard(commands, 'ab12');
  await guard.load(bridges);
  const loaded = await saved();
  await guard.heal();
  await new InputGuard(commands, 'ab12').load(bridges);
  t.is(await saved(), loaded);
  await iptables('-D', 'ith-ab12-input', '-j', 'DROP');
  await guard.heal();
  t.is(await saved(), loaded);
  await iptables('-F');
  await iptables('-X');
  await guard.heal();
  t.is(await saved(), loaded);
  await new InputGuard(commands, 'ab12').load([]);
  t.false((await saved()).includes('ith-ab12'));
});

test('two installations on a host leave each other alone', async (t) => {
  const { commands, saved } = await inNamespace(t);
  const [one, two] = [new InputGuard(commands, 'ab12'), new InputGuard(commands, 'cd34')];
  await Promise.all([one.add(bridges[0]), two.add(guestBridgeName('cd34', 5))]);
  await one.removeAll();
  const left = await saved();
  t.false(left.includes('ab12'));
  t.is(left.split('-A INPUT').length - 1, 3);
});
