// The serial console in a real browser: bytes both ways, paste, copy, keys, and a connection that comes back.
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type ConsoleStage, startStage } from './console-fixture.ts';
import { press, terminalText, waitForConsole, waitForState } from './console-view.ts';
import { newSecret, type PageConnection } from './scripted-proxy.ts';

let stage: ConsoleStage;

test.before(async () => {
  stage = await startStage();
});

test.after.always(() => stage.close());

function login(page: PageConnection, mode: 'control' | 'watch' = 'control'): void {
  page.open({ console: 'serial', mode });
  page.send(
    Buffer.from('\u001b[32mDebian GNU/Linux\u001b[0m ttyS0\r\n\r\n\u001b[38;2;200;30;40mweb-1 login:\u001b[0m '),
  );
}

async function received(page: PageConnection | undefined, text: string): Promise<string> {
  return waitFor(`the serial port receives ${JSON.stringify(text)}`, async () => {
    const bytes = page?.bytes() ?? Buffer.alloc(0);
    return bytes.length >= Buffer.byteLength(text) ? bytes.toString() : null;
  });
}

test.serial('what the machine prints is seen, in colours, and what is typed arrives', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && login(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await page.locator('.xterm-rows', { hasText: 'web-1 login:' }).waitFor();
  t.regex(await terminalText(page), /Debian GNU\/Linux ttyS0/);
  const colour = await page.evaluate(
    "getComputedStyle([...document.querySelectorAll('.xterm-rows span')].find((span) => span.textContent.startsWith('web-1'))).color",
  );
  t.is(colour, 'rgb(200, 30, 40)');
  await page.keyboard.type('root é');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+c');
  t.is(await received(proxy.pages[0], 'root é\r\u0003'), 'root é\r\u0003');
});

test.serial('text is pasted and copied, and letters grow', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && login(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await page.locator('.xterm-rows', { hasText: 'web-1 login:' }).waitFor();
  await page.evaluate("navigator.clipboard.writeText('uname -a\\n')");
  await press(page, 'Paste');
  t.is(await received(proxy.pages[0], 'uname -a\r'), 'uname -a\r');
  await press(page, 'Copy');
  await page.getByText('Copied', { exact: true }).waitFor();
  t.is(await page.evaluate('navigator.clipboard.readText()'), 'Debian GNU/Linux ttyS0\n\nweb-1 login:');
  const size = () =>
    page.evaluate<number>("Number.parseFloat(getComputedStyle(document.querySelector('.xterm-rows')).fontSize)");
  const before = await size();
  await press(page, 'Larger');
  t.true(before >= 8);
  t.is(await size(), before + 1);
});

test.serial('a lost connection comes back to the same terminal', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => {
    if (message.type !== 'open') return;
    if (proxy.pages.length === 1) return login(page);
    page.open({ console: 'serial' });
    page.send(Buffer.from('and here again'));
  });
  stage.server.resume = () => ({ state: 'open', ticket: newSecret(), proxy: proxy.id, socket: proxy.socket });
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await page.locator('.xterm-rows', { hasText: 'web-1 login:' }).waitFor();
  proxy.pages[0]?.kill();
  await page.locator('.xterm-rows', { hasText: 'and here again' }).waitFor();
  t.regex(await terminalText(page), /web-1 login: and here again/);
  await page.keyboard.type('ls');
  t.is(await received(proxy.pages[1], 'ls'), 'ls');
});

test.serial('who watches a serial console sends nothing', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && login(page, 'watch'));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await waitForState(page, 'Watching: nobody in control');
  await page.locator('.xterm').click();
  await page.keyboard.type('nothing');
  proxy.pages[0]?.say({ type: 'viewers', mode: 'control', viewers: [] });
  await waitForState(page, 'Connected');
  await page.keyboard.type('x');
  t.is(await received(proxy.pages[0], 'x'), 'x');
});

test.serial('keys of a touch screen reach the serial port, with Ctrl held for the next', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && login(page));
  const { page } = await stage.open(t, { device: 'phone' });
  await waitForConsole(page);
  const bar = page.getByRole('toolbar', { name: 'Keys' });
  await bar.getByRole('button', { name: 'Up', exact: true }).tap();
  await bar.getByRole('button', { name: 'Ctrl', exact: true }).tap();
  await page.getByRole('button', { name: 'Keyboard', exact: true }).tap();
  await page.keyboard.insertText('c');
  await page.keyboard.insertText('c');
  t.is(await received(proxy.pages[0], '\u001b[A\u0003c'), '\u001b[A\u0003c');
});
