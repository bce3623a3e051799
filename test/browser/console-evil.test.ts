// Servers that send what is no screen: the page says so in words, and stays usable.
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type ConsoleStage, startStage } from './console-fixture.ts';
import { press, waitForCard, waitForConsole, waitForState } from './console-view.ts';
import { newSecret, type PageConnection } from './scripted-proxy.ts';
import { startTiger, type TigerServer } from './vnc-servers.ts';

let stage: ConsoleStage;
let tiger: TigerServer;

test.before(async () => {
  [stage, tiger] = await Promise.all([startStage(), startTiger('640x480')]);
});

test.after.always(async () => {
  await Promise.allSettled([stage.close(), tiger.stop()]);
});

/** ServerInit (RFC 6143, 7.3.2). */
function serverInit(width: number, height: number): Buffer {
  const init = Buffer.alloc(28);
  init.writeUInt16BE(width, 0);
  init.writeUInt16BE(height, 2);
  // 32 bits a point, 24 of them used, little-endian, true colour, 255 of each, shifts 16, 8, 0.
  Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]).copy(init, 4);
  init.writeUInt32BE(4, 20);
  init.write('evil', 24);
  return init;
}

const version = Buffer.from('RFB 003.008\n');

/** Says each of these once the page has said `bytes` bytes in all. */
async function converse(
  page: PageConnection,
  ...steps: readonly (readonly [bytes: number, said: Buffer])[]
): Promise<void> {
  for (const [bytes, words] of steps) {
    await waitFor('the page answers', async () => page.bytes().length >= bytes);
    page.send(words);
  }
}

/** The whole handshake without a password, and then `rest`. */
const greet = (page: PageConnection, width: number, height: number, rest: Buffer = Buffer.alloc(0)) =>
  converse(
    page,
    [0, version],
    [12, Buffer.from([1, 1])],
    [13, Buffer.alloc(4)],
    [14, serverInit(width, height)],
    [15, rest],
  );

/** FramebufferUpdate of one rectangle. */
function update(
  x: number,
  y: number,
  width: number,
  height: number,
  encoding: number,
  data: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  for (const [index, value] of [x, y, width, height].entries()) head.writeUInt16BE(value, 4 + 2 * index);
  head.writeInt32BE(encoding, 12);
  return Buffer.concat([head, data]);
}

const desktopSize = -223;
const tight = 7;
/** noVNC's own words, and those of the browser, on what these servers send. */
const said =
  /^(?:error|warning): .*(?:Failed w|RFB failure|unknown|Unknown|Invalid|Unexpected|incomplete|Security|Canvas|Tried|Got data|WebGL|out of memory)/i;

const title = 'The machine sent what this page cannot read';

for (const [what, send] of [
  ['text that is no RFB', (page) => converse(page, [0, Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')])],
  ['a password to be given', (page) => converse(page, [0, version], [12, Buffer.from([1, 2])], [13, Buffer.alloc(16)])],
  ['garbage after the handshake', (page) => greet(page, 640, 480, Buffer.alloc(4096, 0xa7))],
  ['a screen that nobody has', (page) => greet(page, 65_535, 65_535)],
  [
    'a screen that becomes one that nobody has',
    (page) => greet(page, 640, 480, update(0, 0, 65_535, 65_535, desktopSize)),
  ],
  [
    'broken compression',
    (page) =>
      greet(
        page,
        640,
        480,
        update(0, 0, 64, 64, tight, Buffer.concat([Buffer.from([0x00, 0x20]), Buffer.alloc(600, 0xff)])),
      ),
  ],
  ['an encoding that nobody asked for', (page) => greet(page, 640, 480, update(0, 0, 64, 64, 4711))],
  ['a notice that is none', async (page) => page.say(JSON.parse('{"type":"surprise"}'))],
] as const satisfies readonly (readonly [string, (page: PageConnection) => Promise<void>])[]) {
  test.serial(`a server that sends ${what} is told so, and the next try is a new start`, async (t) => {
    let comes = 0;
    const proxy = await stage.proxy(t, (page, message) => {
      if (message.type !== 'open') return;
      comes += 1;
      page.open();
      if (comes === 1) void send(page);
      else page.carry({ path: tiger.path });
    });
    stage.server.resume = () => ({ state: 'open', ticket: newSecret(), proxy: proxy.id, socket: proxy.socket });
    const { page } = await stage.open(t, { expected: said });
    t.regex(await waitForCard(page, title), /The machine itself may be in order/);
    await press(page, 'Try again');
    await waitForConsole(page);
    await waitForState(page, 'Connected');
  });
}

test.serial('a server that sends nothing is told so', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && page.open());
  const { page } = await stage.open(t, { expected: said });
  t.regex(await waitForCard(page, 'The machine sends no screen'), /Try again/);
});

test.serial('what a machine or a person is called is text, and never markup', async (t) => {
  const user = '<img src=x onerror=alert(1)>';
  await stage.proxy(t, (page) => page.say({ type: 'choose', viewers: [{ user, mode: 'control' }] }));
  const { page } = await stage.open(t);
  t.true((await waitForCard(page, /is using this console/)).includes(user));
  t.is(await page.locator('img').count(), 0);
});
