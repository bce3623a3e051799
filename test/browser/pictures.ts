// npm run pictures: the pictures of the page of a console in docs/images, of the guest image.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { type Device, newPage, startBrowser } from './browser.ts';
import { press, waitForCard, waitForConsole } from './console-view.ts';
import { startPageServer } from './page-server.ts';
import { newSecret, type PageConnection, startScriptedProxy } from './scripted-proxy.ts';
import { startGuest } from './vnc-servers.ts';

const folder = fileURLToPath(new URL('../../docs/images', import.meta.url));
await mkdir(folder, { recursive: true });
const [browser, server, guest] = await Promise.all([startBrowser(), startPageServer(), startGuest()]);
const proxy = await startScriptedProxy(() => undefined);
server.proxies = [proxy];

function screen(page: PageConnection): void {
  page.open();
  page.carry({ path: guest.path });
}

/** Opens the page and takes one picture, once `look` has made it what is to be seen. */
async function picture(
  name: string,
  device: Device,
  act: (page: PageConnection) => void,
  look: (page: Page) => Promise<unknown>,
): Promise<void> {
  proxy.act = (page, message) => message.type === 'open' && act(page);
  const { page, close } = await newPage(browser, device);
  if (device !== 'phone') await page.setViewportSize({ width: 1120, height: 700 });
  await page.goto(server.url(newSecret()));
  await look(page);
  // What fades in has faded in.
  await page.waitForTimeout(700);
  await page.screenshot({ path: `${folder}/console-${name}.png`, scale: 'css' });
  await close();
}

const anna = { user: 'anna', mode: 'control' } as const;
const sights = ['clear', 'cat /proc/version', 'free -m', 'ls -l /'];

/** Types as a person does, and gives the emulated machine the time that it takes. */
async function type(page: Page, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    await page.keyboard.type(`${line}\n`, { delay: 20 });
    await page.waitForTimeout(1500);
  }
}

await picture('screen', 'desktop', screen, async (page) => {
  await waitForConsole(page);
  await page.waitForTimeout(20_000);
  await page.locator('.view canvas').click();
  await type(page, sights);
});
await picture('phone', 'phone', screen, waitForConsole);
await picture(
  'choice',
  'desktop',
  (page) => page.say({ type: 'choose', viewers: [anna] }),
  (page) => waitForCard(page, /anna/),
);
await picture('typing', 'desktop', screen, async (page) => {
  await waitForConsole(page);
  await press(page, 'Type text');
  await page.getByLabel('Keyboard of the guest').selectOption('de');
  await page.getByRole('textbox', { name: 'Text to type' }).fill('echo Größe: 5 m² | tee /tmp/größe\n');
});
await picture(
  'serial',
  'dark',
  (page) => {
    page.open({ console: 'serial' });
    page.carry({ path: guest.serial });
  },
  async (page) => {
    await waitForConsole(page);
    await page.locator('.xterm').click();
    await type(page, sights);
  },
);
await Promise.all([browser.close(), server.close(), guest.stop(), proxy.close()]);
