import { randomBytes } from 'node:crypto';
import { createHost, createNamespaceHost, type Host, silentLog } from '@isthmus/host';
import { parseMacAddress } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { DarkPorts, forgetLearnt } from './dark-ports.ts';
import { portName } from './names.ts';
import { PortGuard } from './port-guard.ts';

const root = createHost({ log: silentLog });
const installation = 'ab12';
const [first, second] = ['11111111-0000-4000-8000-000000000000', '22222222-0000-4000-8000-000000000000'];
const macAddress = '02:00:00:00:00:01';

/** A host with a bridge, a client on it, and two routers with the same addresses. */
async function twins(t: ExecutionContext): Promise<{ host: Host; client: Host; routers: Host[] }> {
  const name = `dark-${randomBytes(4).toString('hex')}`;
  const names = ['h', 'c', 'r0', 'r1'].map((each) => `${name}-${each}`);
  t.teardown(async () => {
    for (const each of names) await root.commands.run('ip', ['netns', 'delete', each], { okCodes: [0, 1] });
  });
  for (const each of names) await root.commands.run('ip', ['netns', 'add', each]);
  const [host, client, ...routers] = names.map((each) => createNamespaceHost(root, each));
  if (host === undefined || client === undefined) throw new Error('no namespaces');
  const ports = [portName(installation, 'r', first, 0), portName(installation, 'r', second, 0)];
  const batch = (at: Host, lines: string[]) =>
    at.commands.run('ip', ['-batch', '-'], { input: lines.map((line) => `${line}\n`).join('') });
  await batch(host, [
    'link add name br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
    'link set dev br0 up',
    `link add name cl type veth peer name eth0 netns ${name}-c`,
    'link set dev cl master br0 up',
    ...ports.flatMap((port, index) => [
      `link add name ${port} type veth peer name eth0 address ${macAddress} netns ${name}-r${index}`,
      `link set dev ${port} master br0 up`,
    ]),
    `link add name ${installation}r11111111c type veth peer name eth1 netns ${name}-r0`,
    `link set dev ${installation}r11111111c up`,
    `address add 169.254.9.1/24 dev ${installation}r11111111c`,
  ]);
  await batch(client, ['address add 10.1.1.9/24 dev eth0', 'link set dev eth0 up']);
  for (const router of routers) await batch(router, ['address add 10.1.1.1/24 dev eth0', 'link set dev eth0 up']);
  if (routers[0]) await batch(routers[0], ['address add 169.254.9.2/24 dev eth1', 'link set dev eth1 up']);
  return { host, client, routers };
}

/** How many answers come to one ARP question by broadcast. */
async function answers(client: Host): Promise<number> {
  const args = ['-b', '-c', '1', '-w', '1', '-I', 'eth0', '10.1.1.1'];
  const { stdout } = await client.commands.run('arping', args, { okCodes: [0, 1] });
  return stdout.split('\n').filter((line) => line.includes('reply from')).length;
}

async function pings(from: Host, address: string): Promise<boolean> {
  const args = ['-c', '1', '-W', '1', address];
  return (await from.commands.run('ping', args, { okCodes: [0, 1, 2] })).exitCode === 0;
}

/** Frames that came to a router's NIC. */
async function received(router: Host | undefined): Promise<number> {
  return Number((await router?.commands.run('cat', ['/sys/class/net/eth0/statistics/rx_packets']))?.stdout ?? -1);
}

test('one of two routers with the same addresses answers, whichever is lit', async (t) => {
  const { host, client, routers } = await twins(t);
  const dark = new DarkPorts(host.commands, installation);
  await dark.load([second]);
  for (const [lit, other] of [
    [first, second],
    [second, first],
    [first, second],
  ] as const) {
    await dark.set({ darken: [other], light: [lit] });
    await forgetLearnt(host.commands, installation, other);
    const before = await received(routers[other === first ? 0 : 1]);
    t.is(await answers(client), 1);
    t.true(await pings(client, '10.1.1.1'));
    t.false(await pings(routers[other === first ? 0 : 1] ?? client, '10.1.1.9'), 'a dark router is heard');
    t.is(await received(routers[other === first ? 0 : 1]), before, 'a dark router hears');
  }
});

test('the control port stays lit, and carrier is there', async (t) => {
  const { host, routers } = await twins(t);
  await new DarkPorts(host.commands, installation).load([first, second]);
  t.true(await pings(host, '169.254.9.2'));
  const carrier = await routers[0]?.commands.run('cat', ['/sys/class/net/eth0/carrier']);
  t.is(carrier?.stdout.trim(), '1');
});

test('rules that someone flushed come back, a restart brings exactly its own, and none leaves a trace', async (t) => {
  const { host, client } = await twins(t);
  const saved = async () => (await host.commands.run('ebtables-nft-save', [])).stdout.replaceAll(/^#.*\n/gm, '');
  const guard = new PortGuard(host.commands, installation);
  await guard.load([
    { name: portName(installation, 'i', first, 0), macAddress: parseMacAddress('02:00:00:00:00:09'), addresses: [] },
  ]);
  const before = await saved();
  const dark = new DarkPorts(host.commands, installation);
  await dark.load([first]);
  const loaded = await saved();
  await guard.heal();
  t.is(await saved(), loaded);
  await host.commands.run('ebtables-nft', ['-t', 'nat', '-F']);
  await dark.heal();
  await forgetLearnt(host.commands, installation, first);
  t.is(await answers(client), 1);
  await dark.load([first, second]);
  t.is(await answers(client), 0);
  await new DarkPorts(host.commands, installation).load([second]);
  t.is(await answers(client), 1);
  await guard.heal();
  await new DarkPorts(host.commands, installation).load([]);
  t.is(await saved(), before);
});
