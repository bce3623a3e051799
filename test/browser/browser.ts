// A real Chromium, and a page in it whose complaints fail the test.
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Debian's. */
const executablePath = '/usr/bin/chromium';

/** Kinds of devices that pages are tried on. */
const devices = {
  desktop: { viewport: { width: 1280, height: 800 } },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
} as const satisfies Record<string, BrowserContextOptions>;

export type Device = keyof typeof devices;

/** Starts it without a window. `proxy`: HOST:PORT of an HTTP proxy for all but this machine's loopback. */
export function startBrowser(proxy?: string): Promise<Browser> {
  // Root has no sandbox; there is no GPU, and no other site to be kept from.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  return chromium.launch({
    executablePath,
    args,
    ...(proxy !== undefined && { proxy: { server: `http://${proxy}`, bypass: '127.0.0.1' } }),
  });
}

/** A page under test. */
export interface TestPage {
  readonly page: Page;
  /** What the browser complained about: errors of the page, of its console, and against its security policy. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** Opens an empty page with a profile of its own. */
export async function newPage(browser: Browser, device: Device = 'desktop'): Promise<TestPage> {
  const context = await browser.newContext({ ...devices[device], permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    // noVNC reads its picture when a screen changes its size; the browser would have it said in advance.
    if (message.text().startsWith('Canvas2D: Multiple readback')) return;
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  // Also a refused connection of a proxy is told by the console; what the policy forbids is told by this event.
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))",
  );
  return { page, complaints, close: () => context.close() };
}
