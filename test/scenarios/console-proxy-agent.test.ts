// A console proxy in a network namespace, as the host agent runs it: who it is comes from a folder, what it does from a
// document, and nothing else of it can be reached.
import { once } from 'node:events';
import { connect as connectUnix } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ConsoleAnswer, ConsoleRequest, ProxyMessage, ProxyNotice } from '@isthmus/contract';
import { parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { secureTo } from '../../orchestrator/drivers/control-connection.ts';
import { PushRefusedError } from '../../orchestrator/drivers/errors.ts';
import { pushOf } from '../../services/console-proxy/src/document/document-fixture.ts';
import { controlStranger } from '../lab/appliance-vm.ts';
import {
  type ConsoleProxyProcess,
  createConsoleProxy,
  proxyAddress,
  proxyControl,
  proxyDocument,
} from '../lab/console-proxy.ts';
import { ControlPki } from '../lab/control-pki.ts';
import { type Lab, labFor, pings, waitFor } from '../lab/index.ts';
import { documentedProxyPorts, openPorts } from '../lab/port-scan.ts';

const scanRate = 20_000;
const doorPath = new URL('../lab/programs/tcp-door.ts', import.meta.url).pathname;

async function world(t: ExecutionContext) {
  const lab = await labFor(t, { hostAgent: false });
  const proxy = await createConsoleProxy(lab);
  const pki = await ControlPki.create(lab.installation);
  const orchestrator = pki.identity(await pki.issue('orchestrator', 'test'));
  const client = proxy.client(orchestrator);
  t.teardown(() => client.close());
  return { lab, proxy, pki, orchestrator, client };
}

/** Waits until the agent answers with its own certificate. */
function answers(client: ReturnType<ConsoleProxyProcess['client']>) {
  return waitFor('the agent answers', () => client.status().catch(() => null));
}

/** True where a TCP connection comes about. */
async function reaches(host: Lab['host'], address: string, port: number, from?: string): Promise<boolean> {
  const source = from === undefined ? [] : ['-s', from];
  const args = ['-z', '-n', '-w', '2', ...source, address, String(port)];
  return (await host.commands.run('nc', args, { okCodes: [0, 1], timeoutMs: 10_000 })).exitCode === 0;
}

/** A WebSocket to the proxy over a connection from wherever. */
function socketOver(connection: Duplex, path: string, protocol: string[] = [], origin?: string): WebSocket {
  return new WebSocket(`ws://console${path}`, protocol, {
    createConnection: () => connection,
    ...(origin === undefined ? {} : { origin }),
  } as ConstructorParameters<typeof WebSocket>[2]);
}

/** Messages of a socket as they come. */
function heard<Message>(socket: WebSocket): (wanted: (message: Message) => boolean) => Promise<Message> {
  const messages: Message[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data)) as Message));
  return (wanted) => waitFor('a message', async () => messages.find(wanted));
}

test('a console proxy serves what it was pushed, from the ports that are documented, and comes back by itself', async (t) => {
  t.timeout(4 * 60_000);
  const { lab, proxy, pki, orchestrator, client } = await world(t);
  const addresses = async () =>
    (await proxy.host.commands.run('ip', ['-4', '-o', 'address', 'show', 'dev', 'eth2'])).stdout.match(/inet \S+/g);

  // It waits for its config drive, and then for its document; meanwhile nothing but the agent answers, and the host alone.
  await proxy.start();
  await waitFor('it waits', async () => (await proxy.log()).includes('waits for a config drive'));
  await proxy.writeDrive(await pki.bootstrap(proxy.id, null));
  const empty = await answers(client);
  t.is(empty.serving, null);
  await proxy.ejectDrive();
  t.true(await reaches(lab.host, proxyControl.address, 3922));
  t.false(await reaches(lab.host, proxyControl.address, 3922, controlStranger));

  // What cannot be is refused in words; then it serves.
  const port = 8080;
  const bad = proxyDocument({ gateway: parseIpv4Address('198.51.100.1') });
  const refused = await t.throwsAsync(client.putDocument(pushOf(bad, 1)), { instanceOf: PushRefusedError });
  t.deepEqual([refused?.refusal.code, refused?.refusal.paths], ['invalid', ['gateway']]);
  const push = pushOf(proxyDocument(), 1);
  t.deepEqual(await client.putDocument(push), { identity: push.target });
  const { results } = await client.operate('health-checks', { fresh: true });
  t.like(results[0], { name: 'console', status: 'SUCCESS' });
  t.like(await client.status(), { serving: push.target });
  t.true((await client.status()).services.every(({ healthy }) => healthy));
  t.deepEqual(await addresses(), [`inet ${proxyAddress}/24`]);

  // From each side, what the reference says.
  const sides = await Promise.all([
    openPorts(lab.internet, proxyAddress, scanRate),
    openPorts(lab.host, proxyControl.address, scanRate),
  ]);
  t.deepEqual(sides, [await documentedProxyPorts('public', port), await documentedProxyPorts('control', port)]);
  t.true(await pings(lab.internet, proxyAddress));
  t.false(await pings(lab.host, proxyControl.address));
  // The weak host model: neither address answers on the other side, nor a forged host.
  await lab.internet.commands.run('ip', ['route', 'add', `${proxyControl.address}/32`, 'via', proxyAddress]);
  t.false(await reaches(lab.internet, proxyControl.address, 3922));
  await lab.host.commands.run('ip', ['route', 'add', `${proxyAddress}/32`, 'via', proxyControl.address]);
  t.false(await reaches(lab.host, proxyAddress, port));

  // A page's ticket goes up the channel, and the answer comes down to it.
  const channel = socketOver(
    await secureTo(await proxy.openTunnel(), orchestrator, { role: 'appliance', id: proxy.id }),
    '/v1/console/channel',
  );
  const told = heard<ProxyMessage>(channel);
  t.like(await told(({ kind }) => kind === 'report'), { sessions: [], healthy: true });
  const way = `${lab.run}/internet.sock`;
  await lab.startDaemon(lab.internet, process.execPath, [doorPath, way, proxyAddress, String(port)]);
  await waitFor('the way to the proxy', () => lab.machine.files.exists(way));
  const page = socketOver(connectUnix(way), '/websockify', ['isthmus.console'], 'http://console.example.org');
  const shown = heard<ProxyNotice>(page);
  await once(page, 'open');
  const ticket = 'T'.repeat(43);
  page.send(JSON.stringify({ type: 'open', ticket }));
  const request = (await told(({ kind }) => kind === 'redeem')) as ConsoleRequest;
  t.like(request, { ticket, origin: 'http://console.example.org', clientAddress: '203.0.113.1', plain: false });
  const answer: ConsoleAnswer = { state: 'refused', reason: 'ticket', message: 'This link was used already.' };
  channel.send(JSON.stringify({ kind: 'answer', id: request.id, answer }));
  t.like(await shown(({ type }) => type === 'ended'), { reason: 'ticket', message: 'This link was used already.' });
  t.false((await proxy.log()).includes(ticket));

  // Only an orchestrator has a channel.
  const host = pki.identity(await pki.issue('host', 'h1'));
  const other = socketOver(
    await secureTo(await proxy.openTunnel(), host, { role: 'appliance', id: proxy.id }),
    '/v1/console/channel',
  );
  await once(other, 'error');
  t.not(other.readyState, WebSocket.OPEN);

  // Another address takes the place of the first, whole; one that cannot be had leaves it.
  const moved = pushOf(proxyDocument({ publicAddress: parseIpv4Address('203.0.113.21'), port: 8443 }), 2);
  await client.putDocument(moved);
  t.deepEqual(await addresses(), ['inet 203.0.113.21/24']);
  t.false(await reaches(lab.internet, proxyAddress, port));
  t.true(await reaches(lab.internet, '203.0.113.21', 8443));
  const stale = await t.throwsAsync(client.putDocument(pushOf(proxyDocument(), 3, 0)), {
    instanceOf: PushRefusedError,
  });
  t.is(stale?.refusal.code, 'stale-fencing-token');

  // Its death ends what it served; started again it serves from its disk, before anybody has reached it.
  await proxy.kill();
  t.false(await reaches(lab.internet, '203.0.113.21', 8443));
  await proxy.start();
  await waitFor('it serves', () => reaches(lab.internet, '203.0.113.21', 8443));
  await waitFor('it is healthy', async () =>
    (await client.status().catch(() => null))?.services.every(({ healthy }) => healthy),
  );
  t.deepEqual((await client.status()).serving, moved.target);
  const mode = (
    await lab.machine.commands.run('stat', ['-c', '%a', `${proxy.folder}/state/appliances/${proxy.id}/document.json`])
  ).stdout;
  t.is(mode.trim(), '600');
});

test('a console proxy does not start where NICs of others are, whose rules are not its own', async (t) => {
  const { lab, proxy, pki } = await world(t);
  await proxy.writeDrive(await pki.bootstrap(proxy.id, null));
  const filter = async () => (await lab.host.commands.run('iptables-save', ['-t', 'filter'])).stdout.includes('DROP');
  t.false(await filter());
  await proxy.start(lab.host);
  await waitFor('it ends', async () => /NICs of others are in it: .*pub0/.test(await proxy.log()));
  t.false(await filter());
});
