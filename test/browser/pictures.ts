// npm run pictures: the pictures of the page of a console in docs/images, of a guest of one sector.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { type Device, newPage, startBrowser } from './browser.ts';
import { press, waitForCard, waitForConsole } from './console-view.ts';
import { startPageServer } from './page-server.ts';
import { newSecret, type PageConnection, startScriptedProxy } from './scripted-proxy.ts';
import { startQemu } from './vnc-servers.ts';

const folder = fileURLToPath(new URL('../../docs/images', import.meta.url));
const guest = 'Debian GNU/Linux 12 web-1 tty1\r\n\r\nweb-1 login: ';
const boot = [
  '[    0.512034] systemd[1]: Hostname set to <web-1>.',
  '\u001b[32m[  OK  ]\u001b[0m Reached target \u001b[1mmulti-user.target\u001b[0m - Multi-User System.',
  '',
  'Debian GNU/Linux 12 web-1 ttyS0',
  '',
  'web-1 login: root',
  '\u001b[1;32mroot@web-1\u001b[0m:\u001b[1;34m~\u001b[0m# systemctl is-system-running',
  '\u001b[32mrunning\u001b[0m',
  '\u001b[1;32mroot@web-1\u001b[0m:\u001b[1;34m~\u001b[0m# ',
].join('\r\n');

await mkdir(folder, { recursive: true });
const [browser, server, qemu] = await Promise.all([startBrowser(), startPageServer(), startQemu(guest)]);
const proxy = await startScriptedProxy(() => undefined);
server.proxies = [proxy];

function screen(page: PageConnection): void {
  page.open();
  page.carry({ path: qemu.path });
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
await picture('screen', 'desktop', screen, waitForConsole);
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
    page.send(Buffer.from(boot));
  },
  waitForConsole,
);
await Promise.all([browser.close(), server.close(), qemu.stop(), proxy.close()]);
