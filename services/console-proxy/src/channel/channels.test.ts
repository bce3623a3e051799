// Channels over real sockets; that only an orchestrator's certificate opens one is shown where the control server is.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConsoleAnswer, ConsoleRequest, OrchestratorMessage, ProxyMessage } from '@isthmus/contract';
import { ManualClock, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { Channels } from './channels.ts';

const refused: ConsoleAnswer = { state: 'refused', reason: 'ticket', message: 'no' };
const asked = { ticket: 't'.repeat(43), extra: null, origin: 'http://x', clientAddress: '192.0.2.9', plain: false };

/** An orchestrator's end of a channel. */
class Orchestrator {
  readonly socket: WebSocket;
  readonly messages: ProxyMessage[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(url: string, options = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => {
      this.messages.push(JSON.parse(String(data)) as ProxyMessage);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    });
  }

  send(message: OrchestratorMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  answer({ id }: ConsoleRequest, answer = refused): void {
    this.send({ kind: 'answer', id, answer });
  }

  /** The message of this kind that comes as number `index`, from 0. */
  async told<Kind extends ProxyMessage['kind']>(kind: Kind, index = 0): Promise<Extract<ProxyMessage, { kind: Kind }>> {
    for (;;) {
      const found = this.messages.filter((message) => message.kind === kind)[index];
      if (found !== undefined) return found as Extract<ProxyMessage, { kind: Kind }>;
      await this.#changed.promise;
    }
  }
}

async function bench(t: ExecutionContext) {
  const clock = new ManualClock();
  const calls: unknown[] = [];
  const admitted = { isGood: true };
  const sessions = [{ session: 's1', idleSeconds: 1, bytesToClient: 2, bytesToTarget: 3 }];
  const channels = new Channels({
    host: { clock, log: silentLog },
    end: (...words) => calls.push(['end', ...words]),
    viewers: (...words) => calls.push(['viewers', ...words]),
    report: () => ({ sessions, pending: 4, memoryBytes: 5, healthy: true }),
  });
  const server = createServer();
  server.on('upgrade', (request, socket, head) =>
    channels.accept({ request, socket, head, isAdmitted: () => admitted.isGood }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    channels.close();
    server.close();
    server.closeAllConnections();
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/console/channel`;
  const open = async (options = {}) => {
    const orchestrator = new Orchestrator(url, options);
    t.teardown(() => orchestrator.socket.terminate());
    await orchestrator.told('report');
    return orchestrator;
  };
  /** Lets what is on its way arrive: real sockets under a clock that stands. */
  const until = async (condition: () => boolean) => {
    const end = performance.now() + 20_000;
    while (!condition()) {
      if (performance.now() > end) throw new Error('it did not come about within 20 s');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { channels, clock, calls, admitted, sessions, open, url, until };
}

test('who opens a channel is told of the sessions at once, and every five seconds', async (t) => {
  const { clock, open, sessions } = await bench(t);
  const one = await open();
  const expected = { kind: 'report', sessions, pending: 4, memoryBytes: 5, healthy: true };
  t.deepEqual(one.messages as unknown[], [expected]);
  await clock.advance(5_000);
  t.deepEqual(await one.told('report', 1), expected as never);
});

test('a request goes to who answered last, and its answer comes back', async (t) => {
  const { channels, clock, open } = await bench(t);
  const [one, two] = [await open(), await open()];
  const first = channels.redeem(asked);
  const who = await Promise.race([one, two].map((each) => each.told('redeem').then((request) => ({ each, request }))));
  t.like(who.request, { kind: 'redeem', ...asked });
  who.each.answer(who.request);
  t.deepEqual(await first, refused);
  await clock.advance(10);
  const second = channels.choose('s1', 'control');
  const request = await who.each.told('choose');
  t.like(request, { session: 's1', mode: 'control' });
  who.each.answer(request);
  t.deepEqual(await second, refused);
});

test('a request is put again with the same id where its channel closes or is silent; a late answer counts', async (t) => {
  const { channels, clock, open, until } = await bench(t);
  const one = await open();
  const answer = channels.redeem(asked);
  const request = await one.told('redeem');
  const two = await open();
  await clock.advance(2_999);
  t.is(two.messages.filter(({ kind }) => kind === 'redeem').length, 0);
  await clock.advance(1);
  t.deepEqual(await two.told('redeem'), request);
  const three = await open();
  two.socket.terminate();
  t.deepEqual(await three.told('redeem'), request);
  one.answer(request);
  t.deepEqual(await answer, refused);
  await until(() => channels.count === 2);
});

test('without anybody who answers a request fails as unavailable after ten seconds, and waits for a channel until then', async (t) => {
  const { channels, clock, open } = await bench(t);
  const answers = [channels.redeem(asked), channels.redeem(asked)];
  await clock.advance(4_000);
  const one = await open();
  const request = await one.told('redeem');
  one.answer(request);
  t.deepEqual(await answers[0], refused);
  for (let seconds = 0; seconds < 6; seconds += 1) await clock.advance(1_000);
  t.like(await answers[1], { state: 'refused', reason: 'unavailable' });
});

test('orders of an orchestrator are carried out, and ended sessions are told to all', async (t) => {
  const { channels, calls, open, until } = await bench(t);
  const [one, two] = [await open(), await open()];
  one.send({ kind: 'end', session: 's1', reason: 'logout', message: 'You logged out.' });
  two.send({ kind: 'viewers', session: 's1', mode: 'watch', viewers: [{ user: 'eve', mode: 'control' }] });
  await until(() => calls.length === 2);
  const sorted = calls.map((call) => JSON.stringify(call)).sort();
  t.deepEqual(sorted, [
    '["end","s1","logout","You logged out."]',
    '["viewers","s1","watch",[{"user":"eve","mode":"control"}]]',
  ]);
  channels.ended('s1', 'idle');
  for (const each of [one, two]) t.like(await each.told('ended'), { session: 's1', reason: 'idle' });
});

test('a message that is none of an orchestrator ends its channel, and no other', async (t) => {
  const { channels, open, until } = await bench(t);
  const stays = await open();
  for (const text of [
    '{',
    '{"kind":"end"}',
    JSON.stringify({ kind: 'answer', id: '../x', answer: refused }),
    'x'.repeat(600_000),
  ]) {
    const bad = await open();
    bad.socket.send(text);
    await once(bad.socket, 'close');
  }
  const binary = await open();
  binary.socket.send(Buffer.from('{}'));
  await once(binary.socket, 'close');
  await until(() => channels.count === 1);
  t.is(stays.socket.readyState, WebSocket.OPEN);
});

test('a channel that says nothing is dropped within fifteen seconds, one that answers pings stays', async (t) => {
  const { channels, clock, open, until } = await bench(t);
  const stays = await open();
  await open({ autoPong: false });
  for (let seconds = 0; seconds < 15; seconds += 1) {
    await clock.advance(1_000);
    // Whatever was sent before has arrived when this has come back.
    stays.socket.ping();
    await once(stays.socket, 'pong');
  }
  await until(() => channels.count === 1);
  t.is(stays.socket.readyState, WebSocket.OPEN);
});

test('a channel ends when its certificate is good no more', async (t) => {
  const { clock, open, admitted } = await bench(t);
  const one = await open();
  admitted.isGood = false;
  const closed = once(one.socket, 'close');
  await clock.advance(4_000);
  await closed;
  t.is(one.socket.readyState, WebSocket.CLOSED);
});

test('another path is not found, and a proxy that ends gives up its requests', async (t) => {
  const { channels, url } = await bench(t);
  const elsewhere = new WebSocket(url.replace('channel', 'other'));
  const [error] = await once(elsewhere, 'error');
  t.regex(String(error), /404/);
  const answer = channels.redeem(asked);
  channels.close();
  t.like(await answer, { reason: 'unavailable' });
  const late = new WebSocket(url);
  const [closed] = await once(late, 'error');
  t.regex(String(closed), /503/);
});
