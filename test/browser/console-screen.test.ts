// The screen of a real machine in a real browser: pictures by their points, keys by what the guest saw.
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type ConsoleStage, startStage } from './console-fixture.ts';
import { pictureOf, press, typeByPanel, waitForConsole, waitForPicture, waitForState } from './console-view.ts';
import type { PageConnection } from './scripted-proxy.ts';
import { type QemuServer, startQemu } from './vnc-servers.ts';

let stage: ConsoleStage;
let qemu: QemuServer;

test.before(async () => {
  [stage, qemu] = await Promise.all([startStage(), startQemu('A guest of one sector.\r\n')]);
});

test.after.always(async () => {
  await Promise.allSettled([stage.close(), qemu.stop()]);
});

const toQemu = (page: PageConnection, mode: 'control' | 'watch' = 'control') => {
  page.open({ mode });
  page.carry({ path: qemu.path });
};

/** What the guest sees from now on. */
async function seenAfter(act: () => Promise<void>, wanted: string): Promise<string> {
  const before = (await qemu.seen()).length;
  await act();
  return waitFor(`the guest sees ${JSON.stringify(wanted)}`, async () => {
    const seen = (await qemu.seen()).slice(before);
    return seen.length >= wanted.length ? seen : null;
  });
}

test.serial('the page shows what the machine draws, point by point', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await waitForState(page, 'Connected');
  t.is(await waitForPicture(page, () => qemu.picture()), 0);
  const picture = await pictureOf(page);
  t.true(picture.points.some((value) => value > 100));
  t.is(await page.title(), 'i-2-14-VM · Console');
  // Nothing of the ticket stays where others may read it.
  t.is(new URL(page.url()).hash, '');
});

test.serial('keys of a real keyboard reach the guest, and the screen shows its answer', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  const seen = await seenAfter(() => page.keyboard.type('hello, guest 42'), 'hello, guest 42');
  t.is(seen, 'hello, guest 42');
  t.is(await waitForPicture(page, () => qemu.picture()), 0);
});

test.serial('a text is typed key by key, as the layout of the guest has it', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  // The BIOS reads every keyboard as American: on it the keys are seen as they lie.
  const everything = '!"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ ';
  t.is(await seenAfter(() => typeByPanel(page, everything), everything), everything);
  t.is(await seenAfter(() => typeByPanel(page, 'yz-', 'de'), 'zy/'), 'zy/');
  t.is(await seenAfter(() => typeByPanel(page, 'azm', 'fr'), 'qw;'), 'qw;');
});

test.serial('a text with characters that a layout lacks is typed without them, and says so', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await press(page, 'Type text');
  await page.getByLabel('Keyboard of the guest').selectOption('us');
  await page.getByRole('textbox', { name: 'Text to type' }).fill('aé漢b');
  t.is(
    await page.locator('.warning').textContent(),
    'Left out, since the keyboard English (US) has no keys for them: é 漢',
  );
  t.is(await seenAfter(() => press(page, 'Type it'), 'ab'), 'ab');
});

test.serial('keys of the menu reach the guest, also with a modifier held for the next key', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  const enter = await seenAfter(async () => {
    await press(page, 'Keys');
    await press(page, 'Enter');
  }, '\r');
  t.is(enter, '\r');
  const controlled = await seenAfter(async () => {
    await page.getByRole('dialog', { name: 'Keys' }).getByRole('button', { name: 'Ctrl', exact: true }).click();
    await page.keyboard.type('a');
    await page.keyboard.type('a');
  }, '\u0001a');
  t.is(controlled, '\u0001a');
});

test.serial('a person leaves the screen by the keyboard alone, and no key stays pressed', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await page.keyboard.press('Control+Alt+Shift+KeyK');
  t.is(await page.evaluate('document.activeElement.textContent'), 'Keys');
  await page.keyboard.press('Tab');
  t.is(await page.evaluate('document.activeElement.textContent'), 'Type text');
  const seen = await seenAfter(async () => {
    await page.locator('.view canvas').click();
    await page.keyboard.type('a');
  }, 'a');
  t.is(seen, 'a');
});

test.serial('who watches sees the screen, and sends no key', async (t) => {
  const proxy = await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page, 'watch'));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  await waitForState(page, 'Watching: nobody in control');
  t.is(await waitForPicture(page, () => qemu.picture()), 0);
  const sent = proxy.pages[0]?.bytes() ?? Buffer.alloc(0);
  await page.locator('.view canvas').click();
  await page.keyboard.type('nothing');
  t.true(await page.getByRole('button', { name: 'Type text' }).isDisabled());
  const since = (proxy.pages[0]?.bytes() ?? Buffer.alloc(0)).subarray(sent.length);
  // Requests for pictures alone (type 3, ten bytes each).
  t.true(
    since.length % 10 === 0 && since.every((byte, index) => index % 10 !== 0 || byte === 3),
    since.toString('hex'),
  );
});

test.serial('on a touch screen the bar of keys and the soft keyboard reach the guest', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t, { device: 'phone' });
  await waitForConsole(page);
  const bar = page.getByRole('toolbar', { name: 'Keys' });
  t.is(await seenAfter(() => bar.getByRole('button', { name: 'Tab', exact: true }).tap(), '\t'), '\t');
  await page.getByRole('button', { name: 'Keyboard', exact: true }).tap();
  t.is(await seenAfter(() => page.keyboard.insertText('Words; typed'), 'Words; typed'), 'Words; typed');
  t.is(await seenAfter(() => page.keyboard.press('Backspace'), '\b'), '\b');
  const controlled = await seenAfter(async () => {
    await bar.getByRole('button', { name: 'Ctrl', exact: true }).tap();
    await page.keyboard.insertText('a');
    await page.keyboard.insertText('a');
  }, '\u0001a');
  t.is(controlled, '\u0001a');
});

test.serial('the size is chosen, and kept for the next console', async (t) => {
  await stage.proxy(t, (page, message) => message.type === 'open' && toQemu(page));
  const { page } = await stage.open(t);
  await waitForConsole(page);
  const canvas = page.locator('.view canvas');
  t.true(((await canvas.boundingBox())?.width ?? 0) > 1000);
  await press(page, 'Display');
  await page.getByRole('radio', { name: /Actual size/ }).check();
  const { width } = await pictureOf(page);
  t.is((await canvas.boundingBox())?.width, width);
  await page.goto('about:blank');
  await page.goto(stage.server.url('x'.repeat(43)));
  await waitForConsole(page);
  t.is((await canvas.boundingBox())?.width, width);
});
