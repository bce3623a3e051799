// Servers that send what is no screen: the page says so in words, and stays usable.
import test from 'ava';
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

/** What a server says until there is a screen (RFC 6143, 7.1 to 7.3): version, security type None, its result, ServerInit. */
function greeting(width: number, height: number): Buffer {
  const init = Buffer.alloc(24 + 4);
  init.writeUInt16BE(width, 0);
  init.writeUInt16BE(height, 2);
  // 32 bits a point, 24 of them used, little-endian, true colour, 255 of each, shifts 16, 8, 0.
  Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]).copy(init, 4);
  init.writeUInt32BE(4, 20);
  init.write('evil', 24);
  return Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 1]), Buffer.alloc(4), init]);
}

/** FramebufferUpdate of one rectangle. */
function update(x: number, y: number, width: number, height: number, encoding: number, data = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  [x, y, width, height].forEach((value, index) => head.writeUInt16BE(value, 4 + 2 * index));
  head.writeInt32BE(encoding, 12);
  return Buffer.concat([head, data]);
}

const desktopSize = -223;
const tight = 7;
/** noVNC's own words, and those of the browser, on what these servers send. */
const said =
  /^(?:error|warning): .*(?:Failed w|RFB failure|unknown|Unknown|Invalid|Unexpected|incomplete|Security|Canvas|Tried|Got data|WebGL|out of memory)/i;

for (const [what, send, title] of [
  [
    'text that is no RFB',
    (page) => page.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
    'The machine sent what this page cannot read',
  ],
  [
    'a password to be given',
    (page) => page.send(Buffer.concat([Buffer.from('RFB 003.008\n'), Buffer.from([1, 2]), Buffer.alloc(16)])),
    'The machine sent what this page cannot read',
  ],
  [
    'garbage after the handshake',
    (page) => page.send(Buffer.concat([greeting(640, 480), Buffer.alloc(4096, 0xa7)])),
    'The machine sent what this page cannot read',
  ],
  [
    'a screen that nobody has',
    (page) => page.send(greeting(65_535, 65_535)),
    'The machine sent what this page cannot read',
  ],
  [
    'a screen that becomes one that nobody has',
    (page) => page.send(Buffer.concat([greeting(640, 480), update(0, 0, 65_535, 65_535, desktopSize)])),
    'The machine sent what this page cannot read',
  ],
  [
    'broken compression',
    (page) =>
      page.send(
        Buffer.concat([
          greeting(640, 480),
          update(0, 0, 64, 64, tight, Buffer.concat([Buffer.from([0x00, 0x20]), Buffer.alloc(600, 0xff)])),
        ]),
      ),
    'The machine sent what this page cannot read',
  ],
  [
    'an encoding that nobody asked for',
    (page) => page.send(Buffer.concat([greeting(640, 480), update(0, 0, 64, 64, 4711)])),
    'The machine sent what this page cannot read',
  ],
  [
    'a notice that is none',
    (page) => page.say(JSON.parse('{"type":"surprise"}')),
    'The machine sent what this page cannot read',
  ],
] as const satisfies readonly (readonly [string, (page: PageConnection) => void, string])[]) {
  test.serial(`a server that sends ${what} is told so, and the next try is a new start`, async (t) => {
    let comes = 0;
    const proxy = await stage.proxy(t, (page, message) => {
      if (message.type !== 'open') return;
      comes += 1;
      page.open();
      if (comes === 1) send(page);
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
